{#- What is rebuilt, and what is built only where something changed. DECISIONS.md says why and when; who
    starts dbt decides it (orchestration/rebuild.py) and tells FLOWHOUSE_REBUILD: `touched`, `again`
    after a build that did not end, or nothing, which is everything: dbt by hand, a part of the
    models, other definitions than those that the tables were made with. -#}
{% macro should_full_refresh() %}
    {%- set given = config.get('full_refresh') -%}
    {%- if given is none -%}
        {%- set given = flags.FULL_REFRESH
            or env_var('FLOWHOUSE_REBUILD', '') not in ('touched', 'again') -%}
    {%- endif -%}
    {{ return(given) }}
{% endmacro %}

{#- What the last build left in a table that is rebuilt from it, and what a build after it touched
    that did not end; nothing where all is rebuilt. -#}
{% macro touched_before() -%}
    {%- set goes_on = execute and not should_full_refresh() and load_cached_relation(this) -%}
    select
        work_item_key,
        input_hash,
        {{ 'is_touched' if goes_on and env_var('FLOWHOUSE_REBUILD', '') == 'again' else 'false' }}
            as is_touched

    from {{ this if goes_on else 'present' }}
    {%- if not goes_on %}

    where false
    {%- endif %}
{%- endmacro %}

{#- A condition for what an incremental model reads, by item: only what int_touched_items names.
    `ages` is a condition on the model's own rows (or those of another one): items that grow older
    without being touched. -#}
{% macro only_touched(begin='where', ages=none, of=none) %}
    {%- set touched = ref('int_touched_items') -%}
    {%- if is_incremental() %}
    {{ begin }} work_item_key in (
        select work_item_key from {{ touched }}
        where is_touched
        {%- if ages %}
        union all
        select work_item_key from {{ of or this }}
        where {{ ages }}
        {%- endif %}
    )
    {%- endif %}
{% endmacro %}

{#- The strategy `items`: of items that are touched, or of which there are new rows, every row is
    rebuilt. Items that no longer exist, or no longer have such rows, have none. -#}
{% macro get_incremental_items_sql(arg_dict) %}
    {%- set columns = get_quoted_csv(arg_dict['dest_columns'] | map(attribute='name')) -%}
    delete from {{ arg_dict['target_relation'] }}
    where work_item_key in (
        select work_item_key from {{ ref('int_touched_items') }}
        where is_touched
        union all
        select work_item_key from {{ arg_dict['temp_relation'] }}
    );
    insert into {{ arg_dict['target_relation'] }} ({{ columns }})
    select {{ columns }} from {{ arg_dict['temp_relation'] }}
{% endmacro %}

{#- A condition for what a typed table reads of its raw table: rows that it does not hold yet. A load
    replaces a row and marks it with its own id, so a row is known by its key and that id, in
    whatever order loads came. -#}
{% macro only_new_loads(raw) %}
    {%- if is_incremental() %}
    where not exists (
        select 1 from {{ this }} as known
        where {{ same_load('known', raw['table'], raw['keys']) }}
    )
    {%- endif %}
{% endmacro %}

{% macro same_load(typed, raw, keys) -%}
    {{ typed }}.load_id = {{ raw }}._dlt_load_id
    {%- for own, others in keys.items() %} and {{ typed }}.{{ own }} = {{ raw }}.{{ others }}
    {%- endfor %}
{%- endmacro %}

{#- The strategy `loads`: typed rows whose raw row no longer exists, or was replaced, go; new ones come. -#}
{% macro get_incremental_loads_sql(arg_dict) %}
    {%- set columns = get_quoted_csv(arg_dict['dest_columns'] | map(attribute='name')) -%}
    {%- set raw = config.get('meta')['raw'] -%}
    delete from {{ arg_dict['target_relation'] }} as known
    where not exists (
        select 1 from {{ source(raw['source'], raw['table']) }} as fresh
        where {{ same_load('known', 'fresh', raw['keys']) }}
    );
    insert into {{ arg_dict['target_relation'] }} ({{ columns }})
    select {{ columns }} from {{ arg_dict['temp_relation'] }}
{% endmacro %}

{#- A hash of a row with all its columns, whatever a later version adds, and of which of its times lie
    before as_of. -#}
{% macro hash_of_row(relation, row) %}
    {%- set parts = ["'" ~ row ~ "'"] -%}
    {%- if execute -%}
        {%- for column in adapter.get_columns_in_relation(relation) -%}
            {%- do parts.append(row ~ '."' ~ column.name ~ '"') -%}
            {%- if column.dtype | upper in ('DATE', 'TIMESTAMP') -%}
                {%- do parts.append(row ~ '."' ~ column.name ~ '" < ' ~ as_of()) -%}
                {%- do parts.append(row ~ '."' ~ column.name ~ '" = ' ~ as_of()) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
    {{ hash_of(parts | join(', ')) }}
{%- endmacro %}

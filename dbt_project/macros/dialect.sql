{#- The only place where engines differ: every macro has a default (DuckDB) and what others need. -#}

{#- A typed struct of JSON text, in one parse. The schema is a mapping of names to DuckDB types,
    mappings and one-element lists. PostgreSQL serves finished marts and parses no payloads. -#}
{% macro parse_json(column, schema) %}{{ return(adapter.dispatch('parse_json')(column, schema)) }}{% endmacro %}
{% macro default__parse_json(column, schema) -%}
    from_json({{ column }}, '{{ tojson(schema) }}')
{%- endmacro %}
{% macro spark__parse_json(column, schema) -%}
    from_json({{ column }}, '{{ spark_type(schema) }}')
{%- endmacro %}

{% macro spark_type(schema) -%}
    {%- if schema is mapping -%}
        struct<{% for name, part in schema.items() %}`{{ name }}`: {{ spark_type(part) }}{{ ', ' if not loop.last }}{% endfor %}>
    {%- elif schema is string -%}
        {{ {'VARCHAR': 'string', 'BIGINT': 'bigint', 'DOUBLE': 'double', 'BOOLEAN': 'boolean'}[schema] }}
    {%- else -%}
        array<{{ spark_type(schema[0]) }}>
    {%- endif -%}
{%- endmacro %}

{#- A join clause: one row per element of an array; `position` counts from 1. -#}
{% macro each(array, element, position) %}{{ return(adapter.dispatch('each')(array, element, position)) }}{% endmacro %}
{% macro default__each(array, element, position) -%}
    cross join lateral (
        select
            unnest({{ array }}) as {{ element }},
            generate_subscripts({{ array }}, 1) as {{ position }}
    ) as each_{{ element }}
{%- endmacro %}
{% macro spark__each(array, element, position) -%}
    lateral view posexplode({{ array }}) each_{{ element }} as {{ position }}, {{ element }}
{%- endmacro %}

{#- A time, or null where it cannot be: every time of every source passes here, and one of the year
    21 would make days of twenty centuries of every table (extract/tables.py). -#}
{% macro possible_time(moment, earliest='1990-01-01') -%}
    case
        when {{ moment }} >= timestamp '{{ earliest }}' and {{ moment }} < timestamp '2200-01-01'
            then {{ moment }}
    end
{%- endmacro %}

{#- An instant with a zone, as UTC without one. -#}
{% macro utc(expression, earliest='1990-01-01') -%}
    {{ possible_time(adapter.dispatch('utc_of')(expression), earliest) }}
{%- endmacro %}
{% macro default__utc_of(expression) -%}
    timezone('UTC', cast({{ expression }} as timestamp with time zone))
{%- endmacro %}
{% macro spark__utc_of(expression) -%}
    cast({{ expression }} as timestamp)
{%- endmacro %}

{#- A text that should be a UTC time, a number or a truth value; null where it is none. -#}
{% macro safe_cast_text(expression, type) -%}
    {%- set value = adapter.dispatch('cast_text')(expression, type) -%}
    {{- possible_time(value) if type == 'timestamp' else value -}}
{%- endmacro %}
{% macro default__cast_text(expression, type) -%}
    try_cast(nullif(trim({{ expression }}), '') as {{ type }})
{%- endmacro %}

{#- Whole seconds between two UTC times. Seconds add up: a to b plus b to c is a to c. -#}
{% macro seconds_between(earlier, later) %}{{ return(adapter.dispatch('seconds_between')(earlier, later)) }}{% endmacro %}
{% macro default__seconds_between(earlier, later) -%}
    date_diff('second', {{ earlier }}, {{ later }})
{%- endmacro %}
{% macro spark__seconds_between(earlier, later) -%}
    (unix_seconds({{ later }}) - unix_seconds({{ earlier }}))
{%- endmacro %}
{% macro postgres__seconds_between(earlier, later) -%}
    cast(floor(extract(epoch from {{ later }})) - floor(extract(epoch from {{ earlier }})) as bigint)
{%- endmacro %}

{#- Whole days from one date to another. -#}
{% macro days_between(earlier, later) %}{{ return(adapter.dispatch('days_between')(earlier, later)) }}{% endmacro %}
{% macro default__days_between(earlier, later) -%}
    cast({{ later }} - {{ earlier }} as bigint)
{%- endmacro %}
{% macro spark__days_between(earlier, later) -%}
    cast(datediff({{ later }}, {{ earlier }}) as bigint)
{%- endmacro %}

{#- UTC time plus whole seconds. -#}
{% macro add_seconds(moment, seconds) %}{{ return(adapter.dispatch('add_seconds')(moment, seconds)) }}{% endmacro %}
{% macro default__add_seconds(moment, seconds) -%}
    ({{ moment }} + to_seconds({{ seconds }}))
{%- endmacro %}

{#- UTC time as local time of a zone, and back. DuckDB makes a zone again for every row when a column
    names it, which takes four times as long as one that is written down. -#}
{% macro local_time(moment, zone) %}{{ return(adapter.dispatch('local_time')(moment, zone)) }}{% endmacro %}
{% macro default__local_time(moment, zone) -%}
    {%- set utc = "timezone('UTC', " ~ moment ~ ")" -%}
    {{ of_zone(zone, "timezone(", ", " ~ utc ~ ")") }}
{%- endmacro %}
{% macro spark__local_time(moment, zone) -%}
    from_utc_timestamp({{ moment }}, {{ zone }})
{%- endmacro %}

{% macro utc_of_local(moment, zone) %}{{ return(adapter.dispatch('utc_of_local')(moment, zone)) }}{% endmacro %}
{% macro default__utc_of_local(moment, zone) -%}
    {{ of_zone(zone, "timezone('UTC', timezone(", ", " ~ moment ~ "))") }}
{%- endmacro %}

{#- An expression with a zone in the middle, for each of the zones that the seed names. -#}
{% macro of_zone(zone, before, after) -%}
    {%- set zones = zones_of_value_streams() -%}
    {%- if zones -%}
    case {{ zone }}
        {%- for known in zones %} when '{{ known }}' then {{ before }}'{{ known }}'{{ after }}
        {%- endfor %} else {{ before }}{{ zone }}{{ after }} end
    {%- else -%}
    {{ before }}{{ zone }}{{ after }}
    {%- endif -%}
{%- endmacro %}

{% macro zones_of_value_streams() %}
    {%- set found = ['UTC'] -%}
    {%- if execute -%}
        {%- set seed = load_relation(
            api.Relation.create(target.database, 'config', 'value_streams', type='table')
        ) -%}
        {%- if seed -%}
            {%- set rows = run_query(
                'select distinct time_zone from ' ~ seed ~ ' where time_zone <> \'UTC\' order by 1'
            ) -%}
            {%- for row in rows -%}{%- do found.append(row[0]) -%}{%- endfor -%}
        {%- endif -%}
    {%- endif -%}
    {{ return(found if execute else []) }}
{% endmacro %}
{% macro spark__utc_of_local(moment, zone) -%}
    to_utc_timestamp({{ moment }}, {{ zone }})
{%- endmacro %}

{#- A join clause: one row per day from one date to another, both included. -#}
{% macro each_day(first, last, day) %}{{ return(adapter.dispatch('each_day')(first, last, day)) }}{% endmacro %}
{% macro default__each_day(first, last, day) -%}
    cross join lateral (
        select cast(
            unnest(generate_series(
                cast({{ first }} as timestamp), cast({{ last }} as timestamp), interval '1' day
            )) as date
        ) as {{ day }}
    ) as each_{{ day }}
{%- endmacro %}
{% macro spark__each_day(first, last, day) -%}
    lateral view explode(sequence({{ first }}, {{ last }}, interval 1 day)) each_{{ day }} as {{ day }}
{%- endmacro %}

{#- A join clause: one row per month, as its first day, from one first day of a month to another. -#}
{% macro each_month(first, last, month) %}{{ return(adapter.dispatch('each_month')(first, last, month)) }}{% endmacro %}
{% macro default__each_month(first, last, month) -%}
    cross join lateral (
        select cast(
            unnest(generate_series(
                cast({{ first }} as timestamp), cast({{ last }} as timestamp), interval '1' month
            )) as date
        ) as {{ month }}
    ) as each_{{ month }}
{%- endmacro %}
{% macro spark__each_month(first, last, month) -%}
    lateral view explode(sequence({{ first }}, {{ last }}, interval 1 month)) each_{{ month }} as {{ month }}
{%- endmacro %}

{#- A name without the blanks that nobody sees: at its ends, twice, no-break, of no width. -#}
{% macro plain_name(name) %}{{ return(adapter.dispatch('plain_name')(name)) }}{% endmacro %}
{% macro default__plain_name(name) -%}
    nullif(trim(regexp_replace({{ name }}, '[\s\p{Z}\x{200B}\x{FEFF}]+', ' ', 'g')), '')
{%- endmacro %}
{% macro spark__plain_name(name) -%}
    nullif(trim(regexp_replace({{ name }}, '[\\s\\p{Z}\\x{200B}\\x{FEFF}]+', ' ')), '')
{%- endmacro %}

{#- A whole number that stands for some values; sums of it tell sets of rows apart. -#}
{% macro hash_of(values) %}{{ return(adapter.dispatch('hash_of')(values)) }}{% endmacro %}
{% macro default__hash_of(values) -%}
    cast(hash({{ values }}) as hugeint)
{%- endmacro %}
{% macro spark__hash_of(values) -%}
    cast(xxhash64({{ values }}) as decimal(38, 0))
{%- endmacro %}

{#- Texts of a group as one, in the order of another column; nulls are left out. -#}
{% macro joined_texts(texts, order) %}{{ return(adapter.dispatch('joined_texts')(texts, order)) }}{% endmacro %}
{% macro default__joined_texts(texts, order) -%}
    string_agg({{ texts }}, ', ' order by {{ order }})
{%- endmacro %}
{% macro spark__joined_texts(texts, order) -%}
    nullif(array_join(
        transform(
            array_sort(collect_list(struct({{ order }} as place, {{ texts }} as said))),
            each_one -> each_one.said
        ), ', '
    ), '')
{%- endmacro %}

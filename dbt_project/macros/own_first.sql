{#- The lines of a default seed, and those of the company, which win: a default of the same key is
    out. Statuses match whatever capitals a line has. -#}
{% macro own_first(seed) -%}
    {%- set columns = {
        'stages': [
            'workflow', 'stage', 'ordinal', 'flow_state', 'value_class', 'is_started_boundary',
            'is_ready_boundary', 'is_finished_boundary', 'is_blocked',
        ],
        'status_stages': [
            'source_system', 'workflow', 'status', 'stage', 'valid_from', 'valid_to',
        ],
        'workflows': ['source_system', 'item_kind', 'raw_type', 'workflow'],
        'work_types': ['source_system', 'item_kind', 'raw_type', 'work_type', 'level'],
    }[seed] -%}
    {%- set key = columns[:2] if seed == 'stages' else columns[:3] -%}
    (
        {%- for table in ('own_' ~ seed, seed) %}
        select
            {%- for column in columns %}
            {{ 'lower(lines.status) as status' if column == 'status' else 'lines.' ~ column }}
            {{- ',' if not loop.last }}
            {%- endfor %}
        from {{ ref(table) }} as lines
        {%- if not loop.last %}
        union all
        {%- else %}
        where
            not exists (
                select 1 from {{ ref('own_' ~ seed) }} as own
                where
                    {%- for column in key %}
                    lower(own.{{ column }}) = lower(lines.{{ column }})
                    {{- ' and' if not loop.last }}
                    {%- endfor %}
            )
        {%- endif %}
        {%- endfor %}
    )
{%- endmacro %}

{#- The instant that open work is aged to, as a UTC timestamp. Nothing else reads a clock. -#}
{% macro as_of() -%}
    {%- set given = var('as_of', env_var('FLOWHOUSE_AS_OF', '')) or run_started_at.strftime('%Y-%m-%d %H:%M:%S') -%}
    cast('{{ given | replace('T', ' ') | replace('Z', '') }}' as timestamp)
{%- endmacro %}

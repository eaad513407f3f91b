{#- The instant that open work is aged to, as a UTC timestamp. Nothing else reads a clock.
    It is read when a model runs and not when it is parsed: dbt would parse the project again for
    every other instant. -#}
{% macro as_of() -%}
    {%- set given = env_var('FLOWHOUSE_AS_OF', '') if execute else '' -%}
    {%- set given = given or run_started_at.strftime('%Y-%m-%d %H:%M:%S') -%}
    cast('{{ given | replace('T', ' ') | replace('Z', '') }}' as timestamp)
{%- endmacro %}

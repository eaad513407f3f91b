{#- Seconds as people read them in the views of schema `bi`: days of 24 hours, hours of working time.
    Null stays null. -#}
{% macro days_of(seconds) -%}
    cast({{ seconds }} as double) / 86400
{%- endmacro %}
{% macro hours_of(seconds) -%}
    cast({{ seconds }} as double) / 3600
{%- endmacro %}

{#- A code of a list of choices, however it is written: in lower case, words joined by `_`. -#}
{% macro plain_code(code) -%}
    replace(replace(replace(lower(trim({{ code }})), ' - ', '_'), '-', '_'), ' ', '_')
{%- endmacro %}

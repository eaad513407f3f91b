{#- A name as seeds have it: in lower case, without the blanks that nobody sees. -#}
{% macro known_as(name) -%}
    lower({{ plain_name(name) }})
{%- endmacro %}

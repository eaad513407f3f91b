{#- Whether what a text names is the number of a change request, and no key of an issue. -#}
{% macro is_change_number(key) -%}
    ({{ key }} like 'CHG%' and {{ key }} not like '%-%' and {{ key }} not like '%#%')
{%- endmacro %}

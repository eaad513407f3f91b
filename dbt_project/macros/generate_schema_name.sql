{#- Use `+schema` as written: every home has a DuckDB file of its own, so nothing can collide. -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ custom_schema_name or target.schema }}
{%- endmacro %}

{#- Use `+schema` as written: every home owns a whole DuckDB file, so nothing can collide. -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ custom_schema_name or target.schema }}
{%- endmacro %}

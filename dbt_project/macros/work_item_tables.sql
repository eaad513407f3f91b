{#- The raw tables that bring work items, as their sources' meta names them: a source or a kind that
    is new needs no line in a test. tests/test_conventions.py holds it to the Python registry. -#}
{% macro work_item_tables() %}
    {%- set found = [] -%}
    {%- if execute -%}
        {%- for table in graph.sources.values() | sort(attribute='unique_id') -%}
            {%- if 'work_item_kind' in table.config.meta -%}
                {%- do found.append(table) -%}
            {%- endif -%}
        {%- endfor -%}
        {%- if not found -%}
            {{ exceptions.raise_compiler_error('no source says which of its tables bring work items') }}
        {%- endif -%}
    {%- endif -%}
    {{ return(found) }}
{% endmacro %}

{#- The tombstones of the source of a raw table; none where it keeps none. -#}
{% macro tombstones_of(table) %}
    {%- for other in graph.sources.values() -%}
        {%- if other.source_name == table.source_name and other.name == 'tombstones' -%}
            {{ return(other.relation_name) }}
        {%- endif -%}
    {%- endfor -%}
    {{ return(none) }}
{% endmacro %}

{#- The model of a name. -#}
{% macro model_named(name) %}
    {%- for node in graph.nodes.values() -%}
        {%- if node.resource_type == 'model' and node.name == name -%}
            {{ return(node.relation_name) }}
        {%- endif -%}
    {%- endfor -%}
    {{ exceptions.raise_compiler_error('a source names a model that is not there: ' ~ name) }}
{% endmacro %}

{#- List of the dbt sources (graph nodes) whose rows are work items: those with `work_item_kind` in
    their meta (`_sources.yml`). Tests loop over it, so a new source or kind needs no line in them.
    tests/test_conventions.py compares it with `extract.sources.SOURCES`.

    Empty while dbt parses, before there is a graph. Compiler error: no table has that key. -#}
{% macro work_item_tables() %}
    {%- set tables = [] -%}
    {%- if execute -%}
        {%- for table in graph.sources.values() | sort(attribute='unique_id') -%}
            {%- if 'work_item_kind' in table.config.meta -%}
                {%- do tables.append(table) -%}
            {%- endif -%}
        {%- endfor -%}
        {%- if not tables -%}
            {{ exceptions.raise_compiler_error('no source says which of its tables bring work items') }}
        {%- endif -%}
    {%- endif -%}
    {{ return(tables) }}
{% endmacro %}

{#- Relation name of the raw table `tombstones` in the source of `table` (a graph node); none where
    that source has no such table. -#}
{% macro tombstones_of(table) %}
    {%- for candidate in graph.sources.values() -%}
        {%- if candidate.source_name == table.source_name and candidate.name == 'tombstones' -%}
            {{ return(candidate.relation_name) }}
        {%- endif -%}
    {%- endfor -%}
    {{ return(none) }}
{% endmacro %}

{#- Relation name of the model with this name. `ref` cannot be used: the names are values of meta
    (`work_item_staging`), and dbt must see what is in a `ref` when it parses.
    Compiler error: there is no such model. -#}
{% macro model_named(name) %}
    {%- for node in graph.nodes.values() -%}
        {%- if node.resource_type == 'model' and node.name == name -%}
            {{ return(node.relation_name) }}
        {%- endif -%}
    {%- endfor -%}
    {{ exceptions.raise_compiler_error('a source names a model that is not there: ' ~ name) }}
{% endmacro %}

-- noqa: disable=LT02,AL04
-- Of every published table: the names of its columns, as its contract lists them, and the texts in
-- them. Who somebody is stands nowhere but in the keyed hashes of `*_key` columns.
{%- set people = [
    'person_key', 'actor_key', 'author_key', 'approver_key', 'deployer_key', 'from_actor_key',
    'to_actor_key'
] %}
{%- set names = [
    'login', 'mail', 'user_name', 'display_name', 'assignee', 'reporter', 'full_name'
] %}
{%- set of_people = ['person', 'people', 'actor', 'author', 'approver', 'deployer'] %}
{%- set tables = [] %}
{%- for name in published_models() %}
-- depends_on: {{ ref(name) }}
{%- endfor %}
{%- for node in graph.nodes.values() | sort(attribute='unique_id') if execute %}
    {%- if node.resource_type == 'model' and node.name in published_models() %}
        {%- do tables.append(node) %}
    {%- endif %}
{%- endfor %}

with

found as (

    {%- for node in tables %}
        {%- for column in node.columns.values() %}
            {%- for name in names if name in column.name %}
                select
                    '{{ node.name }}' as table_name,
                    '{{ column.name }}' as column_name,
                    'a column for a name' as fault
                union all
            {%- endfor %}
            {%- for name in of_people if name in column.name and node.schema == 'metrics' %}
                {%- if column.data_type == 'bigint' %}
                    select
                        '{{ node.name }}' as table_name,
                        '{{ column.name }}' as column_name,
                        'fewer than 5 people' as fault
                    from {{ node.relation_name }}
                    where {{ column.name }} between 1 and 4
                    union all
                {%- else %}
                    select
                        '{{ node.name }}' as table_name,
                        '{{ column.name }}' as column_name,
                        'a metric of a person' as fault
                    union all
                {%- endif %}
            {%- endfor %}
        {%- endfor %}
        {%- set texts = node.columns.values()
            | selectattr('data_type', 'equalto', 'varchar') | list %}
        {%- if texts %}
            select
                '{{ node.name }}' as table_name,
                case
                    {%- for column in texts %}
                        when
                            {{ column.name }} like '%@%' and {{ column.name }} like '%_@_%._%'
                            then '{{ column.name }}'
                        {%- if column.name in people %}
                            when
                                {{ column.name }} like '% %'
                                or {{ column.name }} like '%.%'
                                or {{ column.name }} <> lower({{ column.name }})
                                then '{{ column.name }}'
                        {%- endif %}
                    {%- endfor %}
                end as column_name,
                'a text that names somebody' as fault
            from {{ node.relation_name }}
            union all
        {%- endif %}
    {%- endfor %}
    select
        null as table_name,
        null as column_name,
        null as fault
    where false

)

select
    table_name,
    column_name,
    fault,
    count(*) as texts

from found

where column_name is not null

group by 1, 2, 3

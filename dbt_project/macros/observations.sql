{#- Published numbers as long rows: one row per number, of whatever table it stands in.
    `tables` maps a name to the rows of a table, which say in the columns of the grain what their
    numbers are of, and `numbers` maps the same name to its numbers: each with the metric, how many
    values it is of (itself, of a count) and, of a share, its two sides. A number that is null has a
    row where it is of some values: too few of them to show, or nobody can say. -#}
{% macro observations(tables, numbers) -%}
{%- set grain = [
    'entity_type', 'entity_key', 'value_stream_key', 'workflow', 'level', 'work_type', 'part', 'period'
] -%}
with

{% for name, rows in tables.items() -%}
{{ name }} as (
{{ rows }}
),

{% endfor -%}
observed as (
{% for name, of_table in numbers.items() %}
    {%- set is_last_table = loop.last %}
    {%- for number in of_table %}
    {%- set value = number.value or number.metric %}
    select
        '{{ number.metric }}' as metric,
        {%- for column in grain %}
        {{ column }},
        {%- endfor %}
        cast({{ value }} as double) as value,
        cast({{ number.numerator or 'null' }} as double) as numerator,
        cast({{ number.denominator or 'null' }} as double) as denominator,
        cast({{ number.n or value }} as bigint) as n,
        is_complete_period,
        period_start,
        period_end
    from {{ name }}
    {%- if number.where %}
    where {{ number.where }}
    {%- endif %}
    {%- if not (is_last_table and loop.last) %}

    union all
    {% endif %}
    {%- endfor %}
{%- endfor %}

),

final as (

    select
        metric,
        {%- for column in grain %}
        {{ column }},
        {%- endfor %}
        value,
        case when value is not null then numerator end as numerator,
        case when value is not null then denominator end as denominator,
        n,
        is_complete_period,
        period_start,
        period_end

    from observed

    where value is not null or n > 0

)

select * from final
{%- endmacro %}

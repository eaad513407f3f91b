{%- set links = {
    'demand': 'has_demand',
    'change': 'change_count > 0',
    'merge': 'merged_at is not null',
    'build': 'built_at is not null',
    'deployment': 'deployed_at is not null',
    'whole': 'is_complete'
} -%}

with

traces as (

    select * from {{ ref('fct_traces') }}

),

value_streams as (

    select * from {{ ref('dim_value_streams') }}

),

-- An item counts where it was when it was finished.
finished as (

    select
        finished.value_stream_key,
        finished.workflow,
        finished.level,
        cast(date_trunc('month', finished.finished_date) as date) as month_start,
        {%- for link, condition in links.items() %}
            count(case when traces.{{ condition }} then 1 end) as with_{{ link }},
        {%- endfor %}
        count(*) as finished_items

    from {{ ref('metric_cycle_times') }} as finished

    inner join traces
        on finished.work_item_key = traces.work_item_key

    group by 1, 2, 3, 4

),

counted as (

    {%- for link in links %}

        select
            value_stream_key,
            workflow,
            level,
            month_start,
            '{{ link }}' as link,
            with_{{ link }} as linked_items,
            finished_items

        from finished
        {%- if not loop.last %}

            union all
        {%- endif %}
    {%- endfor %}

),

final as (

    select
        counted.value_stream_key || '|' || counted.workflow || '|' || counted.level || '|'
        || counted.link || '|' || cast(counted.month_start as varchar)
            as metric_trace_coverage_key,
        counted.value_stream_key,
        counted.workflow,
        counted.level,
        counted.link,
        cast(counted.linked_items as bigint) as linked_items,
        cast(counted.finished_items as bigint) as finished_items,
        cast(counted.linked_items as double) / counted.finished_items as linked_share,
        cast(counted.month_start + interval '1' month as date)
        <= cast({{ local_time(as_of(), 'value_streams.time_zone') }} as date)
            as is_complete_period,
        counted.month_start

    from counted

    inner join value_streams
        on counted.value_stream_key = value_streams.value_stream_key

)

select * from final

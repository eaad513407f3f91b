with

traces as (

    select * from {{ ref('fct_traces') }}

),

finished as (

    select * from {{ ref('metric_cycle_times') }}

),

value_streams as (

    select * from {{ ref('dim_value_streams') }}

),

linked as (

    {%- for link in ('change', 'deployment') %}

        select
            work_item_key,
            '{{ link }}' as link,
            coalesce({{ link }}_method, 'missing') as method

        from traces
        {%- if not loop.last %}

            union all
        {%- endif %}
    {%- endfor %}

),

counted as (

    select
        finished.value_stream_key,
        finished.workflow,
        finished.level,
        linked.link,
        linked.method,
        cast(date_trunc('month', finished.finished_date) as date) as month_start,
        count(*) as method_items

    from finished

    inner join linked
        on finished.work_item_key = linked.work_item_key

    group by 1, 2, 3, 4, 5, 6

),

totalled as (

    select
        *,
        sum(method_items) over (
            partition by value_stream_key, workflow, level, link, month_start
        ) as finished_items

    from counted

),

final as (

    select
        totalled.value_stream_key || '|' || totalled.workflow || '|' || totalled.level || '|'
        || totalled.link || '|' || totalled.method || '|' || cast(totalled.month_start as varchar)
            as metric_trace_methods_key,
        totalled.value_stream_key,
        totalled.workflow,
        totalled.level,
        totalled.link,
        totalled.method,
        cast(totalled.method_items as bigint) as method_items,
        cast(totalled.finished_items as bigint) as finished_items,
        cast(totalled.method_items as double) / totalled.finished_items as method_share,
        cast(totalled.month_start + interval '1' month as date)
        <= cast({{ local_time(as_of(), 'value_streams.time_zone') }} as date)
            as is_complete_period,
        totalled.month_start

    from totalled

    inner join value_streams
        on totalled.value_stream_key = value_streams.value_stream_key

)

select * from final

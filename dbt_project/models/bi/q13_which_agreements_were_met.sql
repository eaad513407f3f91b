with

agreed as (

    select
        items.value_stream_key,
        items.level,
        cast(
            date_trunc('month', {{ local_time('slas.ended_at', 'streams.time_zone') }}) as date
        ) as month_start,
        incidents.priority,
        slas.target,
        slas.outcome,
        slas.counted_business_s,
        slas.task_sla_key,
        items.item_key

    from {{ ref('fct_task_slas') }} as slas

    inner join {{ ref('fct_incidents') }} as incidents
        on slas.work_item_key = incidents.work_item_key

    inner join {{ ref('dim_work_items') }} as items
        on slas.work_item_key = items.work_item_key and items.is_current

    inner join {{ ref('dim_value_streams') }} as streams
        on items.value_stream_key = streams.value_stream_key

    where slas.ended_at is not null

),

placed as (

    select
        *,
        {{ hours_of('counted_business_s') }} as hours,
        row_number() over (
            partition by value_stream_key, level, month_start, priority, target
            order by counted_business_s nulls last, task_sla_key
        ) as row_num,
        row_number() over (
            partition by value_stream_key, level, month_start, priority, target
            order by
                case when outcome = 'breached' then 0 else 1 end,
                counted_business_s desc nulls last, task_sla_key
        ) as place_of_broken,
        count(counted_business_s) over (
            partition by value_stream_key, level, month_start, priority, target
        ) as measured

    from agreed

),

measured as (

    select
        value_stream_key,
        level,
        month_start,
        priority,
        target,
        measured,
        {{ value_at('hours', 'row_num', 'measured', 0.5) }} as counted_business_p50_hours,
        {{ first_five("case when outcome = 'breached' then item_key end", 'place_of_broken') }}
            as evidence_items

    from placed

    group by 1, 2, 3, 4, 5, 6

),

final as (

    select
        streams.name as value_stream,
        counts.level,
        counts.month_start,
        counts.priority,
        counts.target,
        counts.met + counts.breached as n,
        counts.met,
        counts.breached,
        counts.met_share,
        {{ share_interval('counts.met', '(counts.met + counts.breached)', 'low') }}
            as met_low_share,
        {{ share_interval('counts.met', '(counts.met + counts.breached)', 'high') }}
            as met_high_share,
        counts.running_breached,
        measured.counted_business_p50_hours,
        coalesce(measured.measured, 0) as measured,
        measured.evidence_items,
        counts.is_complete_period

    from {{ ref('metric_incident_sla') }} as counts

    inner join {{ ref('dim_value_streams') }} as streams
        on counts.value_stream_key = streams.value_stream_key

    left join measured
        on
            counts.value_stream_key = measured.value_stream_key
            and counts.level = measured.level
            and counts.month_start = measured.month_start
            and counts.priority = measured.priority
            and counts.target = measured.target

)

select * from final

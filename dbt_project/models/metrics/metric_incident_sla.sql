with

incidents as (

    select
        incidents.*,
        work_items.value_stream_key,
        work_items.level

    from {{ ref('fct_incidents') }} as incidents

    inner join {{ ref('dim_work_items') }} as work_items
        on incidents.work_item_key = work_items.work_item_key and work_items.is_current

),

task_slas as (

    select * from {{ ref('fct_task_slas') }}

),

dates as (

    select * from {{ ref('dim_dates') }}

),

agreed as (

    select
        incidents.value_stream_key,
        incidents.level,
        coalesce(incidents.priority, 'unknown') as priority,
        task_slas.target,
        task_slas.counted_s as time_s,
        task_slas.outcome = 'met' as is_met,
        cast(task_slas.ended_at as date) as ended_on

    from task_slas

    inner join incidents
        on task_slas.work_item_key = incidents.work_item_key

    where not task_slas.is_running and task_slas.outcome in ('met', 'breached')

),

-- ServiceNow's own verdict on the whole incident, which is there without any agreement.
judged as (

    select
        value_stream_key,
        level,
        coalesce(priority, 'unknown') as priority,
        'incident' as target,
        time_to_resolve_s as time_s,
        made_sla as is_met,
        cast(resolved_at as date) as ended_on

    from incidents

    where resolved_at is not null and made_sla is not null

),

unioned as (

    select * from agreed
    union all
    select * from judged

),

grouped as (

    select
        dates.month_start,
        unioned.value_stream_key,
        unioned.level,
        unioned.priority,
        unioned.target,
        count(*) as ended,
        count(case when unioned.is_met then 1 end) as met,
        percentile_disc(0.5) within group (order by unioned.time_s) as time_p50_s,
        percentile_disc(0.85) within group (order by unioned.time_s) as time_p85_s

    from unioned

    inner join dates
        on unioned.ended_on = dates.date_day

    group by 1, 2, 3, 4, 5

),

final as (

    select
        cast(month_start as varchar) || '|' || value_stream_key || '|' || level
        || '|' || priority || '|' || target as metric_incident_sla_key,
        month_start,
        value_stream_key,
        level,
        priority,
        target,
        cast(ended as bigint) as ended,
        cast(met as bigint) as met,
        cast(ended - met as bigint) as breached,
        cast(met as double) / ended as met_share,
        cast(time_p50_s as bigint) as time_p50_s,
        cast(time_p85_s as bigint) as time_p85_s

    from grouped

)

select * from final

with

finished as (

    select
        *,
        cast(date_trunc('week', finished_date) as date) as week_start

    from {{ ref('metric_cycle_times') }}

),

daily_flows as (

    select * from {{ ref('fct_daily_flows') }}

),

-- Weeks without a finished item count too: they run from the first day that the group has.
group_weeks as (

    select
        value_stream_key,
        workflow,
        level,
        work_type,
        cast(date_trunc('week', date_day) as date) as week_start,
        max(date_day) as last_day

    from daily_flows

    group by 1, 2, 3, 4, 5

),

loads as (

    select
        group_weeks.value_stream_key,
        group_weeks.workflow,
        group_weeks.level,
        group_weeks.work_type,
        group_weeks.week_start,
        group_weeks.last_day,
        sum(case when daily_flows.flow_state in ('wait', 'active') then daily_flows.wip_eod else 0 end)
        as load

    from group_weeks

    inner join daily_flows
        on
            group_weeks.value_stream_key = daily_flows.value_stream_key
            and group_weeks.workflow = daily_flows.workflow
            and group_weeks.level = daily_flows.level
            and group_weeks.work_type = daily_flows.work_type
            and group_weeks.last_day = daily_flows.date_day

    group by 1, 2, 3, 4, 5, 6

),

slices as (

    select value_stream_key, workflow, level, work_type, week_start, last_day, load
    from loads

    union all

    select
        value_stream_key,
        workflow,
        level,
        'all' as work_type,
        week_start,
        max(last_day) as last_day,
        sum(load) as load

    from loads

    group by 1, 2, 3, 5

),

finished_slices as (

    select
        value_stream_key, workflow, level, work_type, week_start,
        start_to_done_s, active_s, wait_s

    from finished

    union all

    select
        value_stream_key, workflow, level, 'all' as work_type, week_start,
        start_to_done_s, active_s, wait_s

    from finished

),

measured as (

    select
        value_stream_key,
        workflow,
        level,
        work_type,
        week_start,
        count(*) as velocity,
        count(start_to_done_s) as n,
        percentile_disc(0.5) within group (order by start_to_done_s) as flow_time_p50_s,
        percentile_disc(0.85) within group (order by start_to_done_s) as flow_time_p85_s,
        percentile_disc(0.95) within group (order by start_to_done_s) as flow_time_p95_s,
        sum(active_s) as active_s,
        sum(wait_s) as wait_s

    from finished_slices

    group by 1, 2, 3, 4, 5

),

totals as (

    select
        value_stream_key,
        workflow,
        level,
        week_start,
        velocity

    from measured

    where work_type = 'all'

),

final as (

    select
        slices.value_stream_key || '|' || slices.workflow || '|' || slices.level || '|'
        || slices.work_type || '|' || cast(slices.week_start as varchar) as metric_flow_key,
        slices.value_stream_key,
        slices.workflow,
        slices.level,
        slices.work_type,
        cast(coalesce(measured.velocity, 0) as bigint) as velocity,
        cast(coalesce(measured.n, 0) as bigint) as n,
        cast(measured.flow_time_p50_s as bigint) as flow_time_p50_s,
        cast(measured.flow_time_p85_s as bigint) as flow_time_p85_s,
        cast(measured.flow_time_p95_s as bigint) as flow_time_p95_s,
        cast(coalesce(measured.active_s, 0) as bigint) as active_s,
        cast(coalesce(measured.wait_s, 0) as bigint) as wait_s,
        cast(measured.active_s as double) / nullif(measured.active_s + measured.wait_s, 0)
        as flow_efficiency_share,
        cast(slices.load as bigint) as load,
        cast(coalesce(measured.velocity, 0) as double) / nullif(totals.velocity, 0)
        as distribution_share,
        slices.last_day >= cast(slices.week_start + interval '6' day as date)
        and slices.last_day < cast({{ as_of() }} as date) as is_complete_period,
        slices.week_start

    from slices

    left join measured
        on
            slices.value_stream_key = measured.value_stream_key
            and slices.workflow = measured.workflow
            and slices.level = measured.level
            and slices.work_type = measured.work_type
            and slices.week_start = measured.week_start

    left join totals
        on
            slices.value_stream_key = totals.value_stream_key
            and slices.workflow = totals.workflow
            and slices.level = totals.level
            and slices.week_start = totals.week_start

)

select * from final

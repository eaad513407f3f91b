with

finished as (

    select * from {{ ref('metric_cycle_times') }}

),

dates as (

    select * from {{ ref('dim_dates') }}

),

-- Every day is a day of up to four periods.
period_days as (

    select
        date_day,
        'day' as period,
        date_day as period_start,
        date_day as period_end
    from dates

    union all

    select
        date_day,
        'week' as period,
        iso_week_start as period_start,
        cast(iso_week_start + interval '6' day as date) as period_end
    from dates

    union all

    select
        date_day,
        'month' as period,
        month_start as period_start,
        cast(month_start + interval '1' month - interval '1' day as date) as period_end
    from dates

    union all

    select
        dates.date_day,
        'increment' as period,
        increments.starts_on as period_start,
        increments.ends_on as period_end
    from dates
    inner join {{ ref('dim_increments') }} as increments
        on dates.increment_key = increments.increment_key

),

periods as (

    select
        period,
        period_start,
        period_end
    from period_days
    group by 1, 2, 3

),

-- Finishes that happened, of items that did not end with them.
earlier as (

    select
        work_items.value_stream_key,
        current_items.workflow,
        work_items.level,
        work_items.work_type,
        work_items.team_key,
        cast({{ local_time('attempts.earlier_finish_at', 'value_streams.time_zone') }} as date)
            as finished_date

    from {{ ref('fct_flow_attempts') }} as attempts

    inner join {{ ref('dim_work_items') }} as work_items
        on
            attempts.work_item_key = work_items.work_item_key
            and {{ valid_at('work_items', 'attempts.earlier_finish_at') }}

    inner join {{ ref('dim_work_items') }} as current_items
        on attempts.work_item_key = current_items.work_item_key and current_items.is_current

    inner join {{ ref('dim_value_streams') }} as value_streams
        on work_items.value_stream_key = value_streams.value_stream_key

    where attempts.earlier_finish_at is not null

),

daily_loads as (

    select
        value_stream_key,
        workflow,
        level,
        work_type,
        date_day,
        sum(case when flow_state in ('wait', 'active') then wip_eod else 0 end) as load

    from {{ ref('fct_daily_flows') }}

    group by 1, 2, 3, 4, 5

),

spans as (

    select
        value_stream_key,
        workflow,
        level,
        work_type,
        min(date_day) as first_day,
        max(date_day) as last_day

    from daily_loads

    group by 1, 2, 3, 4

),

teams as (

    select
        value_stream_key,
        workflow,
        level,
        work_type,
        team_key

    from (
        select
            value_stream_key,
            workflow,
            level,
            work_type,
            team_key
        from finished
        union all
        select
            value_stream_key,
            workflow,
            level,
            work_type,
            team_key
        from earlier
    ) as teams_of_finished

    group by 1, 2, 3, 4, 5

),

-- One row per group, and those of all types and of all teams together.
groups as (

    select
        value_stream_key,
        workflow,
        level,
        work_type,
        'all' as team_key,
        first_day,
        last_day
    from spans

    union all

    select
        value_stream_key,
        workflow,
        level,
        'all' as work_type,
        'all' as team_key,
        min(first_day) as first_day,
        max(last_day) as last_day
    from spans
    group by 1, 2, 3

    union all

    select
        spans.value_stream_key,
        spans.workflow,
        spans.level,
        spans.work_type,
        teams.team_key,
        spans.first_day,
        spans.last_day
    from spans
    inner join teams
        on
            spans.value_stream_key = teams.value_stream_key
            and spans.workflow = teams.workflow
            and spans.level = teams.level
            and spans.work_type = teams.work_type

    union all

    select
        spans.value_stream_key,
        spans.workflow,
        spans.level,
        'all' as work_type,
        teams.team_key,
        min(spans.first_day) as first_day,
        max(spans.last_day) as last_day
    from spans
    inner join teams
        on
            spans.value_stream_key = teams.value_stream_key
            and spans.workflow = teams.workflow
            and spans.level = teams.level
            and spans.work_type = teams.work_type
    group by 1, 2, 3, 5

),

-- Periods in which nothing was finished count too.
grid as (

    select
        groups.*,
        periods.period,
        periods.period_start,
        periods.period_end,
        least(periods.period_end, groups.last_day) as load_day

    from groups

    inner join periods
        on periods.period_end >= groups.first_day and periods.period_start <= groups.last_day

),

rollups as (

    select
        value_stream_key,
        workflow,
        level,
        work_type,
        team_key,
        finished_date,
        start_to_done_s,
        in_flow_s,
        active_s,
        wait_s,
        rework_s,
        is_first_pass
    from finished

    union all

    select
        value_stream_key,
        workflow,
        level,
        'all' as work_type,
        team_key,
        finished_date,
        start_to_done_s,
        in_flow_s,
        active_s,
        wait_s,
        rework_s,
        is_first_pass
    from finished

    union all

    select
        value_stream_key,
        workflow,
        level,
        work_type,
        'all' as team_key,
        finished_date,
        start_to_done_s,
        in_flow_s,
        active_s,
        wait_s,
        rework_s,
        is_first_pass
    from finished

    union all

    select
        value_stream_key,
        workflow,
        level,
        'all' as work_type,
        'all' as team_key,
        finished_date,
        start_to_done_s,
        in_flow_s,
        active_s,
        wait_s,
        rework_s,
        is_first_pass
    from finished

),

measured as (

    select
        rollups.value_stream_key,
        rollups.workflow,
        rollups.level,
        rollups.work_type,
        rollups.team_key,
        period_days.period,
        period_days.period_start,
        count(*) as velocity,
        count(rollups.start_to_done_s) as n,
        percentile_disc(0.5) within group (order by rollups.start_to_done_s) as flow_time_p50_s,
        percentile_disc(0.85) within group (order by rollups.start_to_done_s) as flow_time_p85_s,
        percentile_disc(0.95) within group (order by rollups.start_to_done_s) as flow_time_p95_s,
        sum(rollups.in_flow_s) as in_flow_s,
        sum(rollups.active_s) as active_s,
        sum(rollups.wait_s) as wait_s,
        sum(rollups.rework_s) as rework_s,
        count(case when rollups.is_first_pass then 1 end) as first_pass_items

    from rollups

    inner join period_days
        on rollups.finished_date = period_days.date_day

    group by 1, 2, 3, 4, 5, 6, 7

),

earlier_rollups as (

    select
        value_stream_key,
        workflow,
        level,
        work_type,
        team_key,
        finished_date
    from earlier
    union all
    select
        value_stream_key,
        workflow,
        level,
        'all' as work_type,
        team_key,
        finished_date
    from earlier
    union all
    select
        value_stream_key,
        workflow,
        level,
        work_type,
        'all' as team_key,
        finished_date
    from earlier
    union all
    select
        value_stream_key,
        workflow,
        level,
        'all' as work_type,
        'all' as team_key,
        finished_date
    from earlier

),

earlier_measured as (

    select
        earlier_rollups.value_stream_key,
        earlier_rollups.workflow,
        earlier_rollups.level,
        earlier_rollups.work_type,
        earlier_rollups.team_key,
        period_days.period,
        period_days.period_start,
        count(*) as earlier_finishes

    from earlier_rollups

    inner join period_days
        on earlier_rollups.finished_date = period_days.date_day

    group by 1, 2, 3, 4, 5, 6, 7

),

loads as (

    select
        value_stream_key,
        workflow,
        level,
        work_type,
        'all' as team_key,
        date_day,
        load
    from daily_loads

    union all

    select
        value_stream_key,
        workflow,
        level,
        'all' as work_type,
        'all' as team_key,
        date_day,
        sum(load) as load
    from daily_loads
    group by 1, 2, 3, 6

),

joined as (

    select
        grid.value_stream_key,
        grid.workflow,
        grid.level,
        grid.work_type,
        grid.team_key,
        grid.period,
        grid.period_start,
        grid.period_end,
        grid.period_end < grid.last_day as is_complete_period,
        loads.load,
        coalesce(measured.velocity, 0) as velocity,
        coalesce(measured.n, 0) as n,
        coalesce(earlier_measured.earlier_finishes, 0) as earlier_finishes,
        measured.flow_time_p50_s,
        measured.flow_time_p85_s,
        measured.flow_time_p95_s,
        coalesce(measured.in_flow_s, 0) as in_flow_s,
        coalesce(measured.active_s, 0) as active_s,
        coalesce(measured.wait_s, 0) as wait_s,
        coalesce(measured.rework_s, 0) as rework_s,
        coalesce(measured.first_pass_items, 0) as first_pass_items,
        sum(case when grid.work_type = 'all' then measured.velocity end) over (
            partition by
                grid.value_stream_key, grid.workflow, grid.level, grid.team_key,
                grid.period, grid.period_start
        ) as velocity_of_all

    from grid

    left join loads
        on
            grid.value_stream_key = loads.value_stream_key
            and grid.team_key = loads.team_key
            and grid.workflow = loads.workflow
            and grid.level = loads.level
            and grid.work_type = loads.work_type
            and grid.load_day = loads.date_day

    left join measured
        on
            grid.value_stream_key = measured.value_stream_key
            and grid.workflow = measured.workflow
            and grid.level = measured.level
            and grid.work_type = measured.work_type
            and grid.team_key = measured.team_key
            and grid.period = measured.period
            and grid.period_start = measured.period_start

    left join earlier_measured
        on
            grid.value_stream_key = earlier_measured.value_stream_key
            and grid.workflow = earlier_measured.workflow
            and grid.level = earlier_measured.level
            and grid.work_type = earlier_measured.work_type
            and grid.team_key = earlier_measured.team_key
            and grid.period = earlier_measured.period
            and grid.period_start = earlier_measured.period_start

),

final as (

    select
        value_stream_key || '|' || workflow || '|' || level || '|' || work_type || '|'
        || team_key || '|' || period || '|' || cast(period_start as varchar)
            as metric_flow_period_key,
        value_stream_key,
        team_key,
        workflow,
        level,
        work_type,
        period,
        cast(velocity as bigint) as velocity,
        cast(earlier_finishes as bigint) as earlier_finishes,
        cast(n as bigint) as n,
        cast(flow_time_p50_s as bigint) as flow_time_p50_s,
        cast(flow_time_p85_s as bigint) as flow_time_p85_s,
        cast(flow_time_p95_s as bigint) as flow_time_p95_s,
        cast(in_flow_s as bigint) as in_flow_s,
        cast(active_s as bigint) as active_s,
        cast(wait_s as bigint) as wait_s,
        cast(rework_s as bigint) as rework_s,
        cast(first_pass_items as bigint) as first_pass_items,
        cast(active_s as double) / nullif(active_s + wait_s, 0) as flow_efficiency_share,
        cast(load as bigint) as load,
        cast(velocity as double) / nullif(velocity_of_all, 0) as distribution_share,
        cast(n as double) / nullif(velocity, 0) as started_share,
        cast(rework_s as double) / nullif(in_flow_s, 0) as rework_share,
        cast(first_pass_items as double) / nullif(velocity, 0) as first_pass_yield_share,
        is_complete_period,
        period_start,
        period_end

    from joined

)

select * from final

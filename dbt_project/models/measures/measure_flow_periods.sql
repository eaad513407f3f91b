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
        cast(null as varchar) as increment_key,
        date_day as period_start,
        date_day as period_end
    from dates

    union all

    select
        date_day,
        'week' as period,
        cast(null as varchar) as increment_key,
        iso_week_start as period_start,
        cast(iso_week_start + interval '6' day as date) as period_end
    from dates

    union all

    select
        date_day,
        'month' as period,
        cast(null as varchar) as increment_key,
        month_start as period_start,
        cast(month_start + interval '1' month - interval '1' day as date) as period_end
    from dates

    union all

    select
        dates.date_day,
        'increment' as period,
        increments.increment_key,
        increments.starts_on as period_start,
        increments.ends_on as period_end
    from dates
    inner join {{ ref('dim_increments') }} as increments
        on dates.increment_key = increments.increment_key

),

periods as (

    select
        period,
        increment_key,
        period_start,
        period_end
    from period_days
    group by 1, 2, 3, 4

),

waits as (

    select distinct workflow from {{ ref('dim_stages') }}
    where flow_state = 'wait' and ordinal <> 0

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

-- What ended for good and what was taken up again, a row each.
finishes as (

    select
        value_stream_key,
        workflow,
        level,
        work_type,
        team_key,
        finished_date,
        1 as velocity,
        0 as earlier_finishes,
        start_to_done_s,
        in_flow_s,
        active_s,
        wait_s,
        rework_s,
        case when is_first_pass then 1 else 0 end as first_pass_items
    from finished

    union all

    select
        value_stream_key,
        workflow,
        level,
        work_type,
        team_key,
        finished_date,
        0 as velocity,
        1 as earlier_finishes,
        null as start_to_done_s,
        0 as in_flow_s,
        0 as active_s,
        0 as wait_s,
        0 as rework_s,
        0 as first_pass_items
    from earlier

),

measured as (

    select
        finishes.value_stream_key,
        finishes.workflow,
        finishes.level,
        case when grouping(finishes.work_type) = 0 then finishes.work_type else 'all' end
            as work_type,
        case when grouping(finishes.team_key) = 0 then finishes.team_key else 'all' end
            as team_key,
        period_days.period,
        period_days.period_start,
        sum(finishes.velocity) as velocity,
        sum(finishes.earlier_finishes) as earlier_finishes,
        count(finishes.start_to_done_s) as n,
        {{ percentile(0.5, 'finishes.start_to_done_s') }} as flow_time_p50_s,
        {{ percentile(0.85, 'finishes.start_to_done_s') }} as flow_time_p85_s,
        {{ percentile(0.95, 'finishes.start_to_done_s') }} as flow_time_p95_s,
        sum(finishes.in_flow_s) as in_flow_s,
        sum(finishes.active_s) as active_s,
        sum(finishes.wait_s) as wait_s,
        sum(finishes.rework_s) as rework_s,
        sum(finishes.first_pass_items) as first_pass_items

    from finishes

    inner join period_days
        on finishes.finished_date = period_days.date_day

    group by
        finishes.value_stream_key, finishes.workflow, finishes.level,
        period_days.period, period_days.period_start,
        grouping sets (
            (), (finishes.work_type), (finishes.team_key), (finishes.work_type, finishes.team_key)
        )

),

-- Open items in flow at the end of each day; those of the backlog are not.
loads as (

    select
        value_stream_key,
        workflow,
        level,
        case when grouping(work_type) = 0 then work_type else 'all' end as work_type,
        'all' as team_key,
        date_day,
        sum(case when flow_state in ('wait', 'active') then wip_eod else 0 end) as load

    from {{ ref('fct_daily_flows') }}

    group by value_stream_key, workflow, level, date_day, grouping sets ((), (work_type))

),

spans as (

    select
        value_stream_key,
        workflow,
        level,
        work_type,
        min(date_day) as first_day,
        max(date_day) as last_day

    from loads

    group by 1, 2, 3, 4

),

teams as (

    select
        value_stream_key,
        workflow,
        level,
        team_key,
        case when grouping(work_type) = 0 then work_type else 'all' end as work_type

    from finishes

    group by value_stream_key, workflow, level, team_key, grouping sets ((), (work_type))

),

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

),

-- Periods in which nothing was finished count too.
grid as (

    select
        groups.*,
        periods.period,
        periods.increment_key,
        periods.period_start,
        periods.period_end,
        least(periods.period_end, groups.last_day) as load_day,
        waits.workflow is not null as has_modelled_waits

    from groups

    inner join periods
        on
            periods.period_end >= groups.first_day
            and periods.period_start <= groups.last_day
            -- No table has days of teams.
            and (periods.period <> 'day' or groups.team_key = 'all')

    left join waits
        on groups.workflow = waits.workflow

),

joined as (

    select
        grid.value_stream_key,
        grid.workflow,
        grid.level,
        grid.work_type,
        grid.team_key,
        grid.period,
        grid.increment_key,
        grid.period_start,
        grid.period_end,
        grid.has_modelled_waits,
        grid.period_end < grid.last_day as is_complete_period,
        loads.load,
        coalesce(measured.velocity, 0) as velocity,
        coalesce(measured.n, 0) as n,
        coalesce(measured.earlier_finishes, 0) as earlier_finishes,
        measured.flow_time_p50_s,
        measured.flow_time_p85_s,
        measured.flow_time_p95_s,
        coalesce(measured.in_flow_s, 0) as in_flow_s,
        coalesce(measured.active_s, 0) as active_s,
        coalesce(measured.wait_s, 0) as wait_s,
        coalesce(measured.rework_s, 0) as rework_s,
        coalesce(measured.first_pass_items, 0) as first_pass_items,
        measured_of_all.velocity as velocity_of_all

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

    left join measured as measured_of_all
        on
            grid.value_stream_key = measured_of_all.value_stream_key
            and grid.workflow = measured_of_all.workflow
            and grid.level = measured_of_all.level
            and measured_of_all.work_type = 'all'
            and grid.team_key = measured_of_all.team_key
            and grid.period = measured_of_all.period
            and grid.period_start = measured_of_all.period_start

),

final as (

    select
        value_stream_key,
        team_key,
        workflow,
        level,
        work_type,
        period,
        increment_key,
        cast(velocity as bigint) as velocity,
        cast(earlier_finishes as bigint) as earlier_finishes,
        cast(n as bigint) as n,
        flow_time_p50_s,
        flow_time_p85_s,
        flow_time_p95_s,
        cast(in_flow_s as bigint) as in_flow_s,
        cast(active_s as bigint) as active_s,
        cast(wait_s as bigint) as wait_s,
        cast(rework_s as bigint) as rework_s,
        cast(first_pass_items as bigint) as first_pass_items,
        has_modelled_waits,
        case
            when has_modelled_waits
                then cast(active_s as double) / nullif(active_s + wait_s, 0)
        end as flow_efficiency_share,
        cast(load as bigint) as load,
        cast(coalesce(velocity_of_all, 0) as bigint) as velocity_of_all,
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

with

daily_flows as (

    select
        value_stream_key,
        workflow,
        level,
        stage_key,
        stage,
        date_day,
        sum(arrivals) as arrivals,
        sum(departures) as departures

    from {{ ref('fct_daily_flows') }}

    group by 1, 2, 3, 4, 5, 6

),

stages as (

    select * from {{ ref('dim_stages') }}
    where ordinal > 0 and flow_state <> 'cancelled'

),

value_streams as (

    select
        value_stream_key,
        time_zone,
        cast({{ local_time(as_of(), 'time_zone') }} as date) as as_of_day

    from {{ ref('dim_value_streams') }}

),

-- How far every stay is; whoever is parked has come at least to the first stage.
stays as (

    select
        stays.*,
        case when stays.flow_state <> 'cancelled' then greatest(stages.ordinal, 1) end as position,
        lead(stays.value_stream_key || '|' || stays.level) over (
            partition by stays.work_item_key
            order by stays.transition_seq, stays.entered_at
        ) as next_group

    from {{ ref('fct_group_stays') }} as stays

    inner join {{ ref('dim_stages') }} as stages
        on stays.stage_key = stages.stage_key

),

-- Whoever is cancelled or deleted, or moves to another value stream or level, stands nowhere in
-- the diagram any more: it has passed every line.
passed as (

    select
        stays.value_stream_key,
        stays.workflow,
        stays.level,
        stays.time_zone,
        stays.work_item_key,
        stages.stage_key,
        stays.entered_at as passed_at,
        stays.entered_at as reached_at

    from stays

    inner join stages
        on
            stays.workflow = stages.workflow
            and stays.position >= stages.ordinal

    union all

    select
        stays.value_stream_key,
        stays.workflow,
        stays.level,
        stays.time_zone,
        stays.work_item_key,
        stages.stage_key,
        case when stays.is_wip then stays.exited_at else stays.entered_at end as passed_at,
        cast(null as timestamp) as reached_at

    from stays

    inner join stages
        on stays.workflow = stages.workflow

    where
        stays.flow_state = 'cancelled'
        or (stays.is_wip and stays.next_group <> stays.value_stream_key || '|' || stays.level)

),

-- First time round: whoever comes back is not counted again.
first_passed as (

    select
        value_stream_key,
        workflow,
        level,
        stage_key,
        work_item_key,
        cast({{ local_time('min(passed_at)', 'time_zone') }} as date) as passed_day,
        cast({{ local_time('min(reached_at)', 'time_zone') }} as date) as reached_day

    from passed

    group by value_stream_key, workflow, level, stage_key, work_item_key, time_zone

),

passed_daily as (

    select
        value_stream_key,
        level,
        stage_key,
        date_day,
        sum(passed_items) as passed_items,
        sum(reached_items) as reached_items

    from (
        select
            value_stream_key,
            level,
            stage_key,
            passed_day as date_day,
            1 as passed_items,
            0 as reached_items
        from first_passed

        union all

        select
            value_stream_key,
            level,
            stage_key,
            reached_day as date_day,
            0 as passed_items,
            1 as reached_items
        from first_passed
        where reached_day is not null
    ) as events

    group by 1, 2, 3, 4

),

-- A stage that nobody has visited still has items that passed it by.
spans as (

    select
        value_stream_key,
        workflow,
        level,
        min(date_day) as first_day,
        max(date_day) as last_day

    from daily_flows

    group by 1, 2, 3

),

grid as (

    select
        spans.value_stream_key,
        spans.workflow,
        spans.level,
        stages.stage_key,
        stages.stage,
        stages.ordinal,
        stages.flow_state,
        value_streams.time_zone,
        value_streams.as_of_day,
        date_day

    from spans

    {{ each_day('spans.first_day', 'spans.last_day', 'date_day') }}

    inner join stages
        on spans.workflow = stages.workflow

    inner join value_streams
        on spans.value_stream_key = value_streams.value_stream_key

),

counted as (

    select
        grid.*,
        sum(coalesce(daily_flows.arrivals, 0) - coalesce(daily_flows.departures, 0)) over so_far
            as wip_by_stage,
        sum(coalesce(passed_daily.passed_items, 0)) over so_far as cfd_highwater,
        sum(coalesce(passed_daily.reached_items, 0)) over so_far as reached_items

    from grid

    left join daily_flows
        on
            grid.value_stream_key = daily_flows.value_stream_key
            and grid.level = daily_flows.level
            and grid.stage_key = daily_flows.stage_key
            and grid.date_day = daily_flows.date_day

    left join passed_daily
        on
            grid.value_stream_key = passed_daily.value_stream_key
            and grid.level = passed_daily.level
            and grid.stage_key = passed_daily.stage_key
            and grid.date_day = passed_daily.date_day

    window so_far as (
        partition by grid.value_stream_key, grid.level, grid.stage_key
        order by grid.date_day
        rows between unbounded preceding and current row
    )

),

compared as (

    select
        *,
        lead(cfd_highwater) over (
            partition by value_stream_key, workflow, level, date_day
            order by ordinal, stage
        ) as next_highwater

    from counted

),

final as (

    select
        value_stream_key || '|' || level || '|' || stage_key || '|'
        || cast(date_day as varchar) as metric_cumulative_flow_key,
        value_stream_key,
        workflow,
        level,
        stage_key,
        stage,
        flow_state,
        time_zone,
        ordinal,
        cast(wip_by_stage as bigint) as wip_by_stage,
        cast(cfd_highwater as bigint) as cfd_highwater,
        cast(reached_items as bigint) as reached_items,
        cast(cfd_highwater - reached_items as bigint) as left_before_items,
        cast(
            case when flow_state = 'done' then 0 else cfd_highwater - next_highwater end as bigint
        ) as open_items,
        date_day < as_of_day as is_complete_period,
        date_day

    from compared

)

select * from final

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

-- How far an item ever came in a value stream, first time round: it counts for each stage so far.
reached as (

    select
        work_items.value_stream_key,
        stages.workflow,
        work_items.level,
        value_streams.time_zone,
        visits.work_item_key,
        stages.stage_key,
        min(visits.entered_at) as reached_at

    from {{ ref('fct_stage_visits') }} as visits

    inner join {{ ref('dim_work_items') }} as work_items
        on visits.work_item_version_key = work_items.work_item_version_key

    inner join {{ ref('dim_value_streams') }} as value_streams
        on work_items.value_stream_key = value_streams.value_stream_key

    inner join stages as visited
        on visits.stage_key = visited.stage_key

    inner join stages
        on
            visited.workflow = stages.workflow
            and visited.ordinal >= stages.ordinal

    group by 1, 2, 3, 4, 5, 6

),

reached_daily as (

    select
        value_stream_key,
        level,
        stage_key,
        cast({{ local_time('reached_at', 'time_zone') }} as date) as date_day,
        count(*) as items

    from reached

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
        dates.date_day

    from spans

    inner join stages
        on spans.workflow = stages.workflow

    inner join {{ ref('dim_dates') }} as dates
        on dates.date_day between spans.first_day and spans.last_day

),

counted as (

    select
        grid.*,
        sum(coalesce(daily_flows.arrivals, 0) - coalesce(daily_flows.departures, 0)) over so_far
            as wip_by_stage,
        sum(coalesce(reached_daily.items, 0)) over so_far as cfd_highwater

    from grid

    left join daily_flows
        on
            grid.value_stream_key = daily_flows.value_stream_key
            and grid.level = daily_flows.level
            and grid.stage_key = daily_flows.stage_key
            and grid.date_day = daily_flows.date_day

    left join reached_daily
        on
            grid.value_stream_key = reached_daily.value_stream_key
            and grid.level = reached_daily.level
            and grid.stage_key = reached_daily.stage_key
            and grid.date_day = reached_daily.date_day

    window so_far as (
        partition by grid.value_stream_key, grid.level, grid.stage_key
        order by grid.date_day
        rows between unbounded preceding and current row
    )

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
        ordinal,
        cast(wip_by_stage as bigint) as wip_by_stage,
        cast(cfd_highwater as bigint) as cfd_highwater,
        date_day

    from counted

)

select * from final

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

-- A line of the diagram: a stage between the first day of its group and the last. A stage that
-- nobody has visited still has items that passed it by.
lines as (

    select
        spans.value_stream_key,
        spans.workflow,
        spans.level,
        spans.group_no,
        spans.first_day,
        spans.last_day,
        stages.stage_key,
        stages.stage,
        stages.ordinal,
        stages.flow_state,
        row_number() over (order by spans.group_no, stages.ordinal, stages.stage) as line_no

    from (
        select
            value_stream_key,
            workflow,
            level,
            min(date_day) as first_day,
            max(date_day) as last_day,
            row_number() over (order by value_stream_key, workflow, level) as group_no

        from daily_flows

        group by 1, 2, 3
    ) as spans

    inner join stages
        on spans.workflow = stages.workflow

),

events as (

    select
        value_stream_key,
        level,
        stage_key,
        date_day,
        arrivals - departures as wip_change,
        0 as passed_items,
        0 as reached_items

    from daily_flows

    where arrivals <> 0 or departures <> 0

    union all

    select
        value_stream_key,
        level,
        stage_key,
        passed_day as date_day,
        0 as wip_change,
        1 as passed_items,
        0 as reached_items

    from first_passed

    union all

    select
        value_stream_key,
        level,
        stage_key,
        reached_day as date_day,
        0 as wip_change,
        0 as passed_items,
        1 as reached_items

    from first_passed

    where reached_day is not null

),

daily_events as (

    select
        lines.line_no,
        events.date_day,
        cast(sum(events.wip_change) as bigint) as wip_change,
        cast(sum(events.passed_items) as bigint) as passed_items,
        cast(sum(events.reached_items) as bigint) as reached_items

    from events

    inner join lines
        on
            events.value_stream_key = lines.value_stream_key
            and events.level = lines.level
            and events.stage_key = lines.stage_key

    group by 1, 2

),

-- Numbers instead of names: as many rows as lines have days are sorted twice.
days as (

    select
        lines.line_no,
        lines.group_no,
        date_day

    from lines

    {{ each_day('lines.first_day', 'lines.last_day', 'date_day') }}

),

counted as (

    select
        days.*,
        sum(coalesce(daily_events.wip_change, 0)) over so_far as wip_by_stage,
        sum(coalesce(daily_events.passed_items, 0)) over so_far as cfd_highwater,
        sum(coalesce(daily_events.reached_items, 0)) over so_far as reached_items

    from days

    left join daily_events
        on
            days.line_no = daily_events.line_no
            and days.date_day = daily_events.date_day

    window so_far as (
        partition by days.line_no
        order by days.date_day
        rows between unbounded preceding and current row
    )

),

compared as (

    select
        *,
        lead(cfd_highwater) over (
            partition by group_no, date_day
            order by line_no
        ) as next_highwater

    from counted

),

final as (

    select
        lines.value_stream_key || '|' || lines.level || '|' || lines.stage_key || '|'
        || cast(compared.date_day as varchar) as metric_cumulative_flow_key,
        lines.value_stream_key,
        lines.workflow,
        lines.level,
        lines.stage_key,
        lines.stage,
        lines.flow_state,
        value_streams.time_zone,
        lines.ordinal,
        cast(compared.wip_by_stage as bigint) as wip_by_stage,
        cast(compared.cfd_highwater as bigint) as cfd_highwater,
        cast(compared.reached_items as bigint) as reached_items,
        cast(compared.cfd_highwater - compared.reached_items as bigint) as left_before_items,
        cast(
            case
                when lines.flow_state = 'done' then 0
                else compared.cfd_highwater - compared.next_highwater
            end as bigint
        ) as open_items,
        compared.date_day < value_streams.as_of_day as is_complete_period,
        compared.date_day

    from compared

    inner join lines
        on compared.line_no = lines.line_no

    inner join value_streams
        on lines.value_stream_key = value_streams.value_stream_key

)

select * from final

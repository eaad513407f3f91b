with

visits as (

    select * from {{ ref('fct_group_stays') }}

),

blocks as (

    select
        work_item_key,
        blocked_from as starts_at,
        coalesce(blocked_to, timestamp '9999-12-31') as ends_at

    from {{ ref('fct_blocked_intervals') }}

),

blocked_times as (

    {{ union_of_intervals('blocks', 'work_item_key') }}

),

blocked_stays as (

    select
        visits.*,
        greatest(visits.entered_at, blocked_times.starts_at) as starts_at,
        least(coalesce(visits.exited_at, timestamp '9999-12-31'), blocked_times.ends_at)
            as ends_at

    from visits

    inner join blocked_times
        on visits.work_item_key = blocked_times.work_item_key

    -- A block lies within the flow: it meets no stay in a backlog or after the end.
    where
        blocked_times.starts_at < coalesce(visits.exited_at, timestamp '9999-12-31')
        and blocked_times.ends_at > visits.entered_at

),

-- Every stay is an event that adds one and an event that takes one away.
events as (

    select
        value_stream_key,
        workflow,
        level,
        work_type,
        stage_key,
        stage,
        flow_state,
        time_zone,
        entered_at as happened_at,
        1 as arrivals,
        0 as departures,
        case when is_wip then 1 else 0 end as wip_change,
        case when is_wip and aging_since_at is not null then 1 else 0 end as started_change,
        case when is_wip then {{ seconds_between("timestamp '1970-01-01'", 'aging_since_at') }} end
            as started_second_change,
        0 as blocked_change

    from visits

    union all

    select
        value_stream_key,
        workflow,
        level,
        work_type,
        stage_key,
        stage,
        flow_state,
        time_zone,
        exited_at as happened_at,
        0 as arrivals,
        1 as departures,
        case when is_wip then -1 else 0 end as wip_change,
        case when is_wip and aging_since_at is not null then -1 else 0 end as started_change,
        case when is_wip then -{{ seconds_between("timestamp '1970-01-01'", 'aging_since_at') }} end
            as started_second_change,
        0 as blocked_change

    from visits

    where exited_at is not null

    union all

    select
        value_stream_key,
        workflow,
        level,
        work_type,
        stage_key,
        stage,
        flow_state,
        time_zone,
        starts_at as happened_at,
        0 as arrivals,
        0 as departures,
        0 as wip_change,
        0 as started_change,
        0 as started_second_change,
        1 as blocked_change

    from blocked_stays

    union all

    select
        value_stream_key,
        workflow,
        level,
        work_type,
        stage_key,
        stage,
        flow_state,
        time_zone,
        ends_at as happened_at,
        0 as arrivals,
        0 as departures,
        0 as wip_change,
        0 as started_change,
        0 as started_second_change,
        -1 as blocked_change

    from blocked_stays

),

dated_events as (

    select
        *,
        cast({{ local_time('happened_at', 'time_zone') }} as date) as date_day

    from events

),

spans as (

    select
        value_stream_key,
        workflow,
        level,
        work_type,
        stage_key,
        stage,
        flow_state,
        time_zone,
        row_number() over (
            order by value_stream_key, workflow, level, work_type, stage_key
        ) as span_no,
        min(date_day) over (
            partition by value_stream_key, workflow, level, work_type
        ) as first_day,
        cast({{ local_time(as_of(), 'time_zone') }} as date) as last_day

    from (
        select
            value_stream_key,
            workflow,
            level,
            work_type,
            stage_key,
            stage,
            flow_state,
            time_zone,
            min(date_day) as date_day

        from dated_events

        group by 1, 2, 3, 4, 5, 6, 7, 8
    ) as first_days

),

-- When the days begin and end: once for each zone.
bounds as (

    select
        zones.time_zone,
        date_day,
        {{ utc_of_local('cast(date_day as timestamp)', 'zones.time_zone') }} as day_starts_at,
        least(
            {{ utc_of_local("cast(date_day + interval '1' day as timestamp)", 'zones.time_zone') }},
            {{ as_of() }}
        ) as day_ends_at

    from (
        select
            time_zone,
            min(first_day) as first_day,
            max(last_day) as last_day
        from spans
        group by 1
    ) as zones

    {{ each_day('zones.first_day', 'zones.last_day', 'date_day') }}

),

daily_events as (

    select
        spans.span_no,
        dated_events.date_day,
        sum(dated_events.arrivals) as arrivals,
        sum(dated_events.departures) as departures,
        sum(dated_events.wip_change) as wip_change,
        sum(dated_events.started_change) as started_change,
        sum(dated_events.started_second_change) as started_second_change,
        sum(dated_events.blocked_change) as blocked_change,
        sum(
            dated_events.wip_change
            * {{ seconds_between('dated_events.happened_at', 'bounds.day_ends_at') }}
        ) as wip_s_of_events

    from dated_events

    inner join spans
        on
            dated_events.value_stream_key = spans.value_stream_key
            and dated_events.level = spans.level
            and dated_events.work_type = spans.work_type
            and dated_events.stage_key = spans.stage_key

    inner join bounds
        on
            spans.time_zone = bounds.time_zone
            and dated_events.date_day = bounds.date_day

    group by 1, 2

),

days as (

    select
        spans.span_no,
        bounds.date_day,
        bounds.day_starts_at,
        bounds.day_ends_at,
        coalesce(daily_events.arrivals, 0) as arrivals,
        coalesce(daily_events.departures, 0) as departures,
        coalesce(daily_events.wip_change, 0) as wip_change,
        coalesce(daily_events.started_change, 0) as started_change,
        coalesce(daily_events.started_second_change, 0) as started_second_change,
        coalesce(daily_events.blocked_change, 0) as blocked_change,
        coalesce(daily_events.wip_s_of_events, 0) as wip_s_of_events

    from spans

    {{ each_day('spans.first_day', 'spans.last_day', 'span_day') }}

    inner join bounds
        on
            spans.time_zone = bounds.time_zone
            and span_day = bounds.date_day

    left join daily_events
        on
            spans.span_no = daily_events.span_no
            and bounds.date_day = daily_events.date_day

),

counted as (

    select
        *,
        sum(wip_change) over so_far as wip_eod,
        sum(started_change) over so_far as started_eod,
        sum(started_second_change) over so_far as started_second_eod,
        sum(blocked_change) over so_far as blocked_eod

    from days

    window so_far as (
        partition by span_no
        order by date_day
        rows between unbounded preceding and current row
    )

),

running as (

    select
        spans.value_stream_key,
        spans.workflow,
        spans.level,
        spans.work_type,
        spans.stage_key,
        spans.stage,
        spans.flow_state,
        counted.*

    from counted

    inner join spans
        on counted.span_no = spans.span_no

),

final as (

    select
        value_stream_key || '|' || workflow || '|' || level || '|' || work_type || '|' || stage
        || '|' || cast(date_day as varchar) as daily_flow_key,
        value_stream_key,
        workflow,
        level,
        work_type,
        stage_key,
        stage,
        flow_state,
        cast(wip_eod as bigint) as wip_eod,
        cast(
            (wip_eod - wip_change) * {{ seconds_between('day_starts_at', 'day_ends_at') }}
            + wip_s_of_events as bigint
        ) as wip_s,
        cast(arrivals as bigint) as arrivals,
        cast(departures as bigint) as departures,
        cast(started_eod as bigint) as started_wip,
        cast(blocked_eod as bigint) as blocked_wip,
        cast(
            case
                when flow_state in ('new', 'wait') then wip_eod
                when flow_state = 'active' then blocked_eod
                else 0
            end as bigint
        ) as queue_len,
        cast(
            started_eod * {{ seconds_between("timestamp '1970-01-01'", 'day_ends_at') }}
            - started_second_eod as bigint
        ) as age_sum_s,
        date_day

    from running

)

select * from final

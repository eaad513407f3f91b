with

interventions as (

    select
        *,
        value_stream_key || '|' || workflow || '|' || level as line_key

    from {{ ref('interventions') }}

),

stations as (

    select
        value_stream_key,
        workflow,
        level,
        line_key,
        line_station_key,
        station_key,
        station,
        time_zone

    from {{ ref('measure_station_spans') }}

    group by 1, 2, 3, 4, 5, 6, 7, 8

),

steps as (

    select
        line_station_key,
        week_start,
        sum(step_s) as week_s,
        sum(queued_items * step_s) as queued_item_s,
        sum(case when queued_items > 0 then step_s end) as queued_s

    from {{ ref('measure_station_steps') }}

    group by 1, 2

),

-- All complete weeks of the station, and where they stand: a week in which it begins is neither.
weeks as (

    select
        interventions.intervention_key,
        stations.line_key,
        stations.station_key,
        stations.time_zone,
        steps.week_start,
        cast(steps.queued_item_s as double) / steps.week_s as queued_items,
        steps.queued_s >= 0.9 * steps.week_s as is_queued,
        case
            when steps.week_start >= interventions.starts_on then 'after'
            when steps.week_start + interval '7' day <= interventions.starts_on then 'before'
        end as phase

    from interventions

    inner join stations
        on
            interventions.line_key = stations.line_key
            and interventions.stage = stations.station

    inner join steps
        on stations.line_station_key = steps.line_station_key

    where
        cast({{ local_time(as_of(), 'stations.time_zone') }} as date)
        >= steps.week_start + interval '7' day

),

numbered as (

    select
        *,
        row_number() over (
            partition by intervention_key, phase
            order by week_start
        ) as weeks_so_far,
        row_number() over (
            partition by intervention_key, phase
            order by week_start desc
        ) as weeks_left

    from weeks

),

chosen as (

    select
        intervention_key,
        line_key,
        station_key,
        week_start,
        queued_items,
        is_queued,
        case
            when phase = 'before' then 'baseline'
            when weeks_so_far <= {{ var('intervention_weeks') }} then 'trial'
            else 'watch'
        end as phase

    from numbered

    where
        phase = 'after'
        or (phase = 'before' and weeks_left <= {{ var('intervention_weeks') }})

),

passages as (

    select
        *,
        cast(
            date_trunc('week', {{ local_time('came_at', 'time_zone') }}) as date
        ) as came_week,
        cast(
            date_trunc('week', {{ local_time('left_at', 'time_zone') }}) as date
        ) as left_week

    from {{ ref('measure_intervention_stays') }}

),

arrivals as (

    select
        intervention_key,
        came_week as week_start,
        count(*) as arrivals

    from passages

    group by 1, 2

),

served as (

    select
        intervention_key,
        left_week as week_start,
        count(*) as served_items,
        count(case when work_s > 0 then 1 end) as timed_items,
        avg(
            case
                when work_s > 0
                    then cast(ln(work_s / cast(3600 as double)) as decimal(18, 9))
            end
        ) as log_h

    from passages

    where is_served

    group by 1, 2

),

of_station as (

    select
        chosen.*,
        coalesce(arrivals.arrivals, 0) as arrivals,
        coalesce(served.served_items, 0) as served_items,
        served.timed_items,
        served.log_h

    from chosen

    left join arrivals
        on
            chosen.intervention_key = arrivals.intervention_key
            and chosen.week_start = arrivals.week_start

    left join served
        on
            chosen.intervention_key = served.intervention_key
            and chosen.week_start = served.week_start

),

-- What left the station says what it can do only in a week in which it had a queue: else it is
-- what came to it.
valued as (

    select
        intervention_key,
        line_key,
        station_key,
        'arrivals' as measure,
        phase,
        week_start,
        arrivals as n,
        cast(arrivals as double) as value

    from of_station

    union all

    select
        intervention_key,
        line_key,
        station_key,
        'queue' as measure,
        phase,
        week_start,
        1 as n,
        queued_items as value

    from of_station

    union all

    select
        intervention_key,
        line_key,
        station_key,
        'output' as measure,
        phase,
        week_start,
        served_items as n,
        cast(served_items as double) as value

    from of_station

    where is_queued

    union all

    select
        intervention_key,
        line_key,
        station_key,
        'work_time' as measure,
        phase,
        week_start,
        timed_items as n,
        log_h as value

    from of_station

    where timed_items > 0

    union all

    select
        chosen.intervention_key,
        chosen.line_key,
        chosen.station_key,
        case points.metric
            when 'velocity' then 'velocity'
            else 'flow_time'
        end as measure,
        chosen.phase,
        chosen.week_start,
        points.n,
        cast(points.value as double) as value

    from chosen

    inner join {{ ref('measure_xmr_points') }} as points
        on
            chosen.line_key
            = points.value_stream_key || '|' || points.workflow || '|' || points.level
            and chosen.week_start = points.week_start

),

final as (

    select
        intervention_key,
        line_key,
        station_key,
        measure,
        phase,
        row_number() over (
            partition by intervention_key, measure, phase
            order by week_start
        ) as point_no,
        row_number() over (
            partition by intervention_key, measure, phase
            order by week_start desc
        ) as points_left,
        n,
        cast(value as decimal(18, 9)) as value,
        week_start

    from valued

)

select * from final

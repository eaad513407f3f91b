with

steps as (

    select * from {{ ref('measure_station_steps') }}

),

stations as (

    select
        line_key,
        line_station_key,
        value_stream_key,
        workflow,
        level,
        time_zone,
        station_key,
        station,
        station_ordinal,
        bool_or(is_gate) as is_gate

    from {{ ref('measure_station_spans') }}

    group by 1, 2, 3, 4, 5, 6, 7, 8, 9

),

in_line as (

    select
        line_station_key,
        lead(line_station_key) over (
            partition by line_key
            order by station_ordinal, station_key
        ) as next_line_station_key

    from stations

    where not is_gate

),

-- How many a station works on at a time when it is busy: 95 in 100 seconds have no more.
busy_seconds as (

    select
        line_station_key,
        week_start,
        active_items,
        sum(step_s) as level_s

    from steps

    group by 1, 2, 3

),

levels as (

    select
        line_station_key,
        active_items

    from busy_seconds

    group by 1, 2

),

station_weeks as (

    select
        line_key,
        line_station_key,
        week_start,
        sum(step_s) as station_s,
        sum(case when queued_items > 0 then step_s else 0 end) as queued_s,
        sum(active_items * step_s) as active_item_s

    from steps

    group by 1, 2, 3

),

levels_so_far as (

    select
        station_weeks.line_station_key,
        station_weeks.week_start,
        levels.active_items,
        sum(coalesce(busy_seconds.level_s, 0)) over (
            partition by station_weeks.line_station_key, levels.active_items
            order by station_weeks.week_start
            rows between {{ var('constraint_weeks_before') }} preceding and current row
        ) as level_s

    from station_weeks

    inner join levels
        on station_weeks.line_station_key = levels.line_station_key

    left join busy_seconds
        on
            station_weeks.line_station_key = busy_seconds.line_station_key
            and station_weeks.week_start = busy_seconds.week_start
            and levels.active_items = busy_seconds.active_items

),

levels_added as (

    select
        *,
        sum(level_s) over (
            partition by line_station_key, week_start
            order by active_items
            rows between unbounded preceding and current row
        ) as at_most_s,
        sum(level_s) over (partition by line_station_key, week_start) as all_s

    from levels_so_far

),

capacities as (

    select
        line_station_key,
        week_start,
        min(active_items) as capacity

    from levels_added

    where at_most_s >= 0.95 * all_s

    group by 1, 2

),

states as (

    select
        steps.*,
        steps.queued_items > 0 as is_queued,
        steps.active_items > 0 and steps.active_items >= capacities.capacity as is_saturated,
        steps.queued_items = 0 and steps.active_items < capacities.capacity as is_idle

    from steps

    inner join capacities
        on
            steps.line_station_key = capacities.line_station_key
            and steps.week_start = capacities.week_start

),

-- Uninterrupted saturated runs of each station.
turns as (

    select
        *,
        case
            when is_saturated = lag(is_saturated) over (
                partition by line_station_key
                order by starts_at
            ) then 0
            else 1
        end as is_turn

    from states

),

numbered_turns as (

    select
        *,
        sum(is_turn) over (
            partition by line_station_key
            order by starts_at
            rows between unbounded preceding and current row
        ) as turn_no

    from turns

),

runs as (

    select
        line_key,
        line_station_key,
        min(starts_at) as starts_at,
        max(ends_at) as ends_at

    from numbered_turns

    where is_saturated

    group by line_key, line_station_key, turn_no

),

-- The moments at which a line's longest run can become another one, and each station's run then.
weeks as (

    select
        line_key,
        week_start,
        min(starts_at) as starts_at

    from steps

    group by 1, 2

),

run_moments as (

    select
        line_key,
        starts_at as happened_at

    from runs

    union

    select
        line_key,
        ends_at as happened_at

    from runs

    union

    select
        line_key,
        starts_at as happened_at

    from weeks

),

spans_of_line as (

    select
        run_moments.line_key,
        run_moments.happened_at,
        max(weeks.week_start) over (
            partition by run_moments.line_key
            order by run_moments.happened_at
            rows between unbounded preceding and current row
        ) as week_start,
        lead(run_moments.happened_at) over (
            partition by run_moments.line_key
            order by run_moments.happened_at
        ) as next_at

    from run_moments

    left join weeks
        on
            run_moments.line_key = weeks.line_key
            and run_moments.happened_at = weeks.starts_at

),

runs_then as (

    select
        spans_of_line.line_key,
        spans_of_line.week_start,
        spans_of_line.happened_at,
        spans_of_line.next_at,
        stations.line_station_key,
        stations.station_ordinal,
        max(runs.starts_at) over so_far as run_starts_at,
        max(runs.ends_at) over so_far as run_ends_at

    from spans_of_line

    inner join stations
        on spans_of_line.line_key = stations.line_key

    left join runs
        on
            stations.line_station_key = runs.line_station_key
            and spans_of_line.happened_at = runs.starts_at

    window so_far as (
        partition by stations.line_station_key
        order by spans_of_line.happened_at
        rows between unbounded preceding and current row
    )

),

longest_runs as (

    select
        *,
        row_number() over (
            partition by line_key, happened_at
            order by
                {{ seconds_between('run_starts_at', 'run_ends_at') }} desc, station_ordinal,
                line_station_key
        ) as row_num

    from runs_then

    where run_ends_at > happened_at

),

active_periods as (

    select
        line_station_key,
        week_start,
        sum({{ seconds_between('happened_at', 'next_at') }}) as longest_s

    from longest_runs

    where row_num = 1

    group by 1, 2

),

-- A station and the next one, side by side: does that starve while this one has a queue?
pair_events as (

    select
        line_station_key as pair_key,
        week_start,
        starts_at,
        case when is_queued then 1 else 0 end
        - coalesce(lag(case when is_queued then 1 else 0 end) over (
            partition by line_station_key
            order by starts_at
        ), 0) as queued_change,
        0 as idle_change

    from states

    union all

    select
        in_line.line_station_key as pair_key,
        states.week_start,
        states.starts_at,
        0 as queued_change,
        case when states.is_idle then 1 else 0 end
        - coalesce(lag(case when states.is_idle then 1 else 0 end) over (
            partition by states.line_station_key
            order by states.starts_at
        ), 0) as idle_change

    from states

    inner join in_line
        on states.line_station_key = in_line.next_line_station_key

),

pair_moments as (

    select
        pair_key,
        starts_at,
        max(week_start) as week_start,
        sum(queued_change) as queued_change,
        sum(idle_change) as idle_change

    from pair_events

    group by 1, 2

),

pair_steps as (

    select
        pair_key,
        week_start,
        {{ seconds_between(
            'starts_at', 'coalesce(lead(starts_at) over in_order, ' ~ as_of() ~ ')'
        ) }} as step_s,
        sum(queued_change) over so_far > 0 and sum(idle_change) over so_far > 0 as is_starving

    from pair_moments

    window
        in_order as (
            partition by pair_key
            order by starts_at
        ),
        so_far as (
            partition by pair_key
            order by starts_at
            rows between unbounded preceding and current row
        )

),

starvations as (

    select
        pair_key as line_station_key,
        week_start,
        sum(step_s) as starved_s

    from pair_steps

    where is_starving

    group by 1, 2

),

visits as (

    select
        value_stream_key || '|' || level || '|' || stage_key as line_station_key,
        week_start,
        count(*) as visits,
        count(case when was_queued then 1 end) as queued_visits,
        sum(queue_wait_s) as queue_wait_s

    from {{ ref('metric_constraint_visits') }}

    group by 1, 2

),

in_window as (

    select
        station_weeks.line_key,
        station_weeks.line_station_key,
        station_weeks.week_start,
        min(station_weeks.week_start) over so_far as window_start,
        sum(station_weeks.station_s) over so_far as station_s,
        sum(station_weeks.queued_s) over so_far as queued_s,
        sum(station_weeks.active_item_s) over so_far as active_item_s,
        sum(coalesce(active_periods.longest_s, 0)) over so_far as longest_s,
        sum(coalesce(starvations.starved_s, 0)) over so_far as starved_s,
        sum(coalesce(visits.visits, 0)) over so_far as visits,
        sum(coalesce(visits.queued_visits, 0)) over so_far as queued_visits,
        sum(coalesce(visits.queue_wait_s, 0)) over so_far as queue_wait_s

    from station_weeks

    left join active_periods
        on
            station_weeks.line_station_key = active_periods.line_station_key
            and station_weeks.week_start = active_periods.week_start

    left join starvations
        on
            station_weeks.line_station_key = starvations.line_station_key
            and station_weeks.week_start = starvations.week_start

    left join visits
        on
            station_weeks.line_station_key = visits.line_station_key
            and station_weeks.week_start = visits.week_start

    window so_far as (
        partition by station_weeks.line_station_key
        order by station_weeks.week_start
        rows between {{ var('constraint_weeks_before') }} preceding and current row
    )

),

-- A station that nobody came to in the window is not in the line then.
scored as (

    select
        in_window.*,
        stations.value_stream_key,
        stations.workflow,
        stations.level,
        stations.time_zone,
        stations.station_key,
        stations.station,
        stations.station_ordinal,
        stations.is_gate,
        capacities.capacity,
        in_line.next_line_station_key is not null as has_next,
        cast(in_window.queue_wait_s as double) / in_window.visits as queue_wait,
        cast(in_window.queued_s as double) / in_window.station_s as queued_share,
        case
            when capacities.capacity > 0
                then
                    cast(in_window.active_item_s as double)
                    / in_window.station_s / capacities.capacity
        end as saturation,
        case
            when not stations.is_gate
                then cast(in_window.longest_s as double) / in_window.station_s
        end as active_period_share

    from in_window

    inner join stations
        on in_window.line_station_key = stations.line_station_key

    inner join capacities
        on
            in_window.line_station_key = capacities.line_station_key
            and in_window.week_start = capacities.week_start

    left join in_line
        on in_window.line_station_key = in_line.line_station_key

    where in_window.visits > 0

),

-- The place of a station in each score that it has; gates have the first two.
placed as (

    select
        *,
        rank() over (partition by line_key, week_start order by queue_wait desc) as wait_place,
        rank() over (partition by line_key, week_start order by queued_share desc) as queued_place,
        rank() over (
            partition by line_key, week_start
            order by coalesce(saturation, -1) desc
        ) as saturation_place,
        rank() over (
            partition by line_key, week_start
            order by coalesce(active_period_share, -1) desc
        ) as active_period_place,
        max(case when has_next then starved_s end) over (
            partition by line_key, week_start
        ) as most_starved_s,
        count(*) over (partition by line_key, week_start) as line_stations,
        max(case when not is_gate and queued_visits = 0 then visits else 0 end) over (
            partition by line_key, week_start
        ) as visits_without_waits,
        max(visits) over (partition by line_key, week_start) as most_visits

    from scored

),

counted as (

    select
        *,
        2
        + case when saturation is not null then 1 else 0 end
        + case when active_period_share is not null then 1 else 0 end as scores_known,
        case when wait_place = 1 and queue_wait > 0 then 1 else 0 end
        + case when queued_place = 1 and queued_share > 0 then 1 else 0 end
        + case when saturation_place = 1 and saturation > 0 then 1 else 0 end
        + case when active_period_place = 1 and active_period_share > 0 then 1 else 0 end
            as scores_led,
        wait_place + queued_place
        + case when saturation is not null then saturation_place else 0 end
        + case when active_period_share is not null then active_period_place else 0 end as places

    from placed

),

ranked as (

    select
        *,
        row_number() over (
            partition by line_key, week_start
            order by
                cast(scores_led as double) / scores_known desc,
                cast(places as double) / scores_known,
                coalesce(saturation, -1) desc, queue_wait desc, station_ordinal, station_key
        ) as constraint_rank

    from counted

),

judged as (

    select
        *,
        case
            when line_stations < 2 then 'single_station'
            -- A side way that fewer than one in ten takes need not have a queue.
            when 10 * visits_without_waits >= most_visits then 'waits_not_modelled'
            when
                max(case when constraint_rank = 1 then visits end) over (
                    partition by line_key, week_start
                ) < {{ var('constraint_visits') }}
                then 'few_visits'
        end as insufficient_reason

    from ranked

),

-- The constraint of each week that has one, and since when it is the same one without another.
named as (

    select
        line_key,
        week_start,
        station_key,
        lag(station_key) over in_order as station_before,
        case when station_key = lag(station_key) over in_order then 0 else 1 end as is_other

    from judged

    where insufficient_reason is null and constraint_rank = 1

    window in_order as (
        partition by line_key
        order by week_start
    )

),

numbered_reigns as (

    select
        *,
        sum(is_other) over (
            partition by line_key
            order by week_start
            rows between unbounded preceding and current row
        ) as reign_no

    from named

),

reigns as (

    select
        line_key,
        week_start,
        min(week_start) over reign as constraint_since,
        max(case when is_other = 1 then station_before end) over reign as previous_station_key

    from numbered_reigns

    window reign as (partition by line_key, reign_no)

),

final as (

    select
        judged.line_station_key || '|' || cast(judged.week_start as varchar)
            as metric_constraint_key,
        judged.value_stream_key,
        judged.workflow,
        judged.level,
        judged.station_key as stage_key,
        judged.station as stage,
        judged.station_ordinal as ordinal,
        judged.is_gate,
        case
            when judged.insufficient_reason is not null then 'insufficient_evidence'
            when judged.constraint_rank = 1 then 'constraint'
            else 'rival'
        end as status,
        judged.insufficient_reason,
        case
            when judged.insufficient_reason is null
                then cast(judged.constraint_rank as bigint)
        end as constraint_rank,
        case
            when judged.insufficient_reason is not null or judged.constraint_rank > 1 then null
            when judged.scores_led = judged.scores_known then 'high'
            when 4 * judged.scores_led >= 3 * judged.scores_known then 'medium'
            else 'low'
        end as confidence,
        cast(judged.scores_led as bigint) as scores_led,
        cast(judged.scores_known as bigint) as scores_known,
        cast(judged.visits as bigint) as served_visits,
        cast(judged.queued_visits as bigint) as queued_visits,
        cast(judged.queue_wait_s as bigint) as queue_wait_s,
        cast(round(judged.queue_wait) as bigint) as queue_wait_mean_s,
        cast(judged.station_s as bigint) as window_s,
        cast(judged.queued_s as bigint) as queued_s,
        judged.queued_share,
        cast(judged.active_item_s as bigint) as active_item_s,
        cast(judged.capacity as bigint) as busy_items,
        judged.saturation,
        cast(case when not judged.is_gate then judged.longest_s end as bigint) as active_period_s,
        judged.active_period_share,
        cast(case when judged.has_next then judged.starved_s end as bigint)
            as downstream_starved_s,
        case
            when judged.has_next then cast(judged.starved_s as double) / judged.station_s
        end as downstream_starved_share,
        case
            when judged.has_next
                then judged.starved_s > 0 and judged.starved_s = judged.most_starved_s
        end as is_starving_most,
        case
            when judged.insufficient_reason is null and judged.constraint_rank = 1
                then reigns.constraint_since
        end as constraint_since,
        case
            when judged.insufficient_reason is null and judged.constraint_rank = 1
                then reigns.previous_station_key
        end as previous_stage_key,
        judged.window_start,
        cast({{ local_time(as_of(), 'judged.time_zone') }} as date)
        >= judged.week_start + interval '7' day as is_complete_period,
        judged.week_start

    from judged

    left join reigns
        on
            judged.line_key = reigns.line_key
            and judged.week_start = reigns.week_start

)

select * from final

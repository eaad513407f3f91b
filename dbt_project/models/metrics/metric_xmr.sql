with

valued as (

    select
        *,
        cast(value as double) as reading

    from {{ ref('measure_xmr_points') }}

),

chosen as (

    select * from {{ ref('dim_xmr_baselines') }}

),

-- A chart whose baseline somebody chose has no other.
phases as (

    select
        metric,
        value_stream_key,
        workflow,
        level,
        phase_no,
        'seed' as baseline_method,
        baseline_start,
        baseline_end,
        applies_from,
        applies_to

    from chosen

    union all

    select
        found.metric,
        found.value_stream_key,
        found.workflow,
        found.level,
        found.phase_no,
        'latest_stable' as baseline_method,
        found.baseline_start,
        found.baseline_end,
        found.applies_from,
        found.applies_to

    from {{ ref('sim_xmr_phases') }} as found

    left join chosen
        on
            found.metric = chosen.metric
            and found.value_stream_key = chosen.value_stream_key
            and found.workflow = chosen.workflow
            and found.level = chosen.level

    where chosen.metric is null

),

ranges_of_baselines as (

    select
        valued.metric,
        valued.value_stream_key,
        valued.workflow,
        valued.level,
        phases.phase_no,
        valued.value,
        abs(
            valued.value - lag(valued.value) over (
                partition by
                    valued.metric, valued.value_stream_key, valued.workflow, valued.level,
                    phases.phase_no
                order by valued.point_no
            )
        ) as range_within

    from valued

    inner join phases
        on
            valued.metric = phases.metric
            and valued.value_stream_key = phases.value_stream_key
            and valued.workflow = phases.workflow
            and valued.level = phases.level
            and valued.week_start >= phases.baseline_start
            and valued.week_end <= phases.baseline_end

),

-- To nine digits, as the points are: what lies on a line is not beyond it.
averages as (

    select
        metric,
        value_stream_key,
        workflow,
        level,
        phase_no,
        count(*) as baseline_n,
        cast(cast(avg(value) as decimal(18, 9)) as double) as centre,
        cast(avg(range_within) as double) as mean_range

    from ranges_of_baselines

    group by 1, 2, 3, 4, 5

),

points as (

    select
        valued.*,
        coalesce(phases.phase_no, 1) as phase_no,
        phases.baseline_method,
        phases.baseline_start,
        phases.baseline_end,
        max(valued.point_no) over (
            partition by valued.metric, valued.value_stream_key, valued.workflow, valued.level
        ) as points_so_far,
        valued.week_start >= phases.baseline_start
        and valued.week_end <= phases.baseline_end as is_of_baseline

    from valued

    left join phases
        on
            valued.metric = phases.metric
            and valued.value_stream_key = phases.value_stream_key
            and valued.workflow = phases.workflow
            and valued.level = phases.level
            and valued.week_start >= coalesce(phases.applies_from, date '0001-01-01')
            and valued.week_start < coalesce(phases.applies_to, date '9999-12-31')

),

-- Limits are drawn when all of the baseline is there: from then on nothing moves them.
reasoned as (

    select
        points.*,
        averages.baseline_n,
        averages.centre,
        averages.mean_range,
        case
            when points.baseline_method is null
                then
                    case
                        when points.points_so_far < {{ var('xmr_baseline_points') }}
                            then 'fewer_than_20_points'
                        else 'no_stable_stretch'
                    end
            when points.last_day < points.baseline_end then 'seed_is_not_over'
            when averages.baseline_n >= {{ var('xmr_baseline_points') }}
                then case when averages.mean_range = 0 then 'seed_does_not_vary' end
            else 'seed_has_fewer_than_20_points'
        end as no_limits_reason

    from points

    left join averages
        on
            points.metric = averages.metric
            and points.value_stream_key = averages.value_stream_key
            and points.workflow = averages.workflow
            and points.level = averages.level
            and points.phase_no = averages.phase_no

),

drawn as (

    select
        *,
        case when no_limits_reason is null then centre end as drawn_centre,
        case when no_limits_reason is null then mean_range end as drawn_range,
        abs(
            reading - lag(reading) over (
                partition by metric, value_stream_key, workflow, level, phase_no
                order by point_no
            )
        ) as moving_range

    from reasoned

),

limited as (

    select
        metric,
        value_stream_key,
        workflow,
        level,
        time_zone,
        week_start,
        point_no,
        phase_no,
        n,
        reading,
        round(moving_range, 9) as moving_range,
        baseline_method,
        baseline_start,
        baseline_end,
        no_limits_reason,
        is_of_baseline,
        baseline_n,
        drawn_centre as centre,
        round(drawn_centre + 2.66 * drawn_range, 9) as upper_limit,
        case
            when metric = 'velocity' and drawn_centre < 2.66 * drawn_range then 0
            else round(drawn_centre - 2.66 * drawn_range, 9)
        end as lower_limit,
        round(3.268 * drawn_range, 9) as range_limit,
        case
            when reading > drawn_centre then 1
            when reading < drawn_centre then -1
            else 0
        end as side

    from drawn

),

-- Points of one side follow each other: their number less their number on that side is one.
runs as (

    select
        *,
        point_no - row_number() over (
            partition by metric, value_stream_key, workflow, level, side
            order by point_no
        ) as run_no

    from limited

),

counted as (

    select
        *,
        case
            when centre is null then null
            when side = 0 then 0
            else row_number() over (
                partition by metric, value_stream_key, workflow, level, phase_no, side, run_no
                order by point_no
            )
        end as run_length

    from runs

),

-- Without limits nobody knows whether a point is a signal.
judged as (

    select
        *,
        reading > upper_limit or reading < lower_limit as is_outside,
        moving_range > range_limit as is_range_outside,
        run_length >= 8 as is_run

    from counted

),

final as (

    select
        metric || '|' || value_stream_key || '|' || workflow || '|' || level || '|'
        || cast(week_start as varchar) as metric_xmr_key,
        metric,
        value_stream_key,
        workflow,
        level,
        time_zone,
        cast(point_no as bigint) as point_no,
        cast(phase_no as bigint) as phase_no,
        cast(n as bigint) as n,
        case when no_limits_reason is null then baseline_method else 'none' end as baseline_method,
        no_limits_reason,
        cast(baseline_n as bigint) as baseline_n,
        reading as value,
        moving_range,
        centre,
        cast(upper_limit as double) as upper_limit,
        cast(lower_limit as double) as lower_limit,
        cast(range_limit as double) as range_limit,
        cast(run_length as bigint) as run_length,
        -- Simulated, for a baseline of 20 points and these two rules (R1 + run of 8): a longer one
        -- errs less often, how much less nobody simulated.
        cast(
            case
                when baseline_n <> 20 then null
                when metric <> 'velocity' and centre is not null then 0.29
                when centre >= 6 then 0.33
                when centre >= 1.5 then 0.40
            end as double
        ) as expected_false_alarm_share,
        no_limits_reason is null and is_of_baseline as is_baseline,
        is_outside,
        is_range_outside,
        is_run,
        is_outside or is_run as is_signal,
        case
            when centre is null then null
            when not (is_outside or is_run) then 'none'
            when side = 1 then 'higher'
            else 'lower'
        end as signal,
        true as is_complete_period,
        week_start,
        baseline_start,
        baseline_end

    from judged

)

select * from final

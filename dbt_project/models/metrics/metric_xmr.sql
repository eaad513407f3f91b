with

-- Until the last week that is complete, so that no point ever changes because a week goes on.
weeks as (

    select
        *,
        week_start as period_start,
        cast(
            max(week_start) over (partition by value_stream_key, workflow, level)
            + interval '6' day as date
        ) as last_day

    from {{ ref('metric_flow_totals') }}

    where is_complete_period

),

-- Raw times are skewed and would give false signals; their logarithms are not. Averages are of
-- decimals: sums of floating point depend on the order of the rows, and no build repeats that.
log_times as (

    select
        times.value_stream_key,
        times.workflow,
        times.level,
        dates.iso_week_start as week_start,
        count(*) as n,
        cast(
            avg(cast(ln(times.start_to_done_s / cast(3600 as double)) as decimal(18, 9)))
            as double
        ) as log_h

    from {{ ref('metric_cycle_times') }} as times

    inner join {{ ref('dim_dates') }} as dates
        on times.finished_date = dates.date_day

    where times.start_to_done_s > 0

    group by 1, 2, 3, 4

),

-- A chart begins with the first week in which something was finished.
first_weeks as (

    select
        value_stream_key,
        workflow,
        level,
        min(period_start) as first_week

    from weeks

    where velocity > 0

    group by 1, 2, 3

),

valued as (

    select
        'velocity' as metric,
        weeks.value_stream_key,
        weeks.workflow,
        weeks.level,
        weeks.period_start as week_start,
        weeks.last_day,
        weeks.velocity as n,
        cast(weeks.velocity as double) as value

    from weeks

    inner join first_weeks
        on
            weeks.value_stream_key = first_weeks.value_stream_key
            and weeks.workflow = first_weeks.workflow
            and weeks.level = first_weeks.level
            and weeks.period_start >= first_weeks.first_week

    union all

    select
        'flow_time_log_h' as metric,
        weeks.value_stream_key,
        weeks.workflow,
        weeks.level,
        weeks.period_start as week_start,
        weeks.last_day,
        log_times.n,
        log_times.log_h as value

    from weeks

    inner join log_times
        on
            weeks.value_stream_key = log_times.value_stream_key
            and weeks.workflow = log_times.workflow
            and weeks.level = log_times.level
            and weeks.period_start = log_times.week_start

),

numbered as (

    select
        *,
        row_number() over (
            partition by metric, value_stream_key, workflow, level
            order by week_start
        ) as point_no

    from valued

),

points as (

    select
        numbered.*,
        coalesce(baselines.phase_no, 1) as phase_no,
        baselines.baseline_end,
        case
            when baselines.phase_no is null
                then numbered.point_no <= {{ var('xmr_baseline_points') }}
            else
                numbered.week_start >= baselines.baseline_start
                and cast(numbered.week_start + interval '6' day as date) <= baselines.baseline_end
        end as is_baseline

    from numbered

    left join {{ ref('dim_xmr_baselines') }} as baselines
        on
            numbered.metric = baselines.metric
            and numbered.value_stream_key = baselines.value_stream_key
            and numbered.workflow = baselines.workflow
            and numbered.level = baselines.level
            and numbered.week_start >= coalesce(baselines.applies_from, date '0001-01-01')
            and numbered.week_start < coalesce(baselines.applies_to, date '9999-12-31')

),

ranged as (

    select
        *,
        abs(
            value - lag(value) over (
                partition by metric, value_stream_key, workflow, level, phase_no
                order by point_no
            )
        ) as moving_range,
        abs(
            value - lag(value) over (
                partition by metric, value_stream_key, workflow, level, phase_no, is_baseline
                order by point_no
            )
        ) as range_within

    from points

),

averages as (

    select
        metric,
        value_stream_key,
        workflow,
        level,
        phase_no,
        count(*) as baseline_n,
        cast(avg(cast(value as decimal(18, 9))) as double) as centre,
        cast(avg(cast(range_within as decimal(18, 9))) as double) as mean_range

    from ranged

    where is_baseline

    group by 1, 2, 3, 4, 5

    -- Limits are drawn when the whole baseline is there: from then on nothing moves them.
    having
        count(*) >= 2
        and (
            max(last_day) >= max(baseline_end)
            or count(*) = {{ var('xmr_baseline_points') }} and max(baseline_end) is null
        )

),

limited as (

    select
        ranged.metric,
        ranged.value_stream_key,
        ranged.workflow,
        ranged.level,
        ranged.week_start,
        ranged.point_no,
        ranged.phase_no,
        ranged.n,
        ranged.value,
        ranged.moving_range,
        ranged.is_baseline,
        averages.baseline_n,
        averages.centre,
        averages.centre + 2.66 * averages.mean_range as upper_limit,
        case
            when ranged.metric = 'velocity'
                then greatest(averages.centre - 2.66 * averages.mean_range, 0)
            else averages.centre - 2.66 * averages.mean_range
        end as lower_limit,
        3.268 * averages.mean_range as range_limit,
        case
            when ranged.value > averages.centre then 1
            when ranged.value < averages.centre then -1
            else 0
        end as side

    from ranged

    left join averages
        on
            ranged.metric = averages.metric
            and ranged.value_stream_key = averages.value_stream_key
            and ranged.workflow = averages.workflow
            and ranged.level = averages.level
            and ranged.phase_no = averages.phase_no

),

-- Points of one side follow each other: their number less their number on that side is one.
runs as (

    select
        *,
        point_no - row_number() over (
            partition by metric, value_stream_key, workflow, level, phase_no, side
            order by point_no
        ) as run_no

    from limited

),

counted as (

    select
        *,
        case
            when side = 0 then 0
            else row_number() over (
                partition by metric, value_stream_key, workflow, level, phase_no, side, run_no
                order by point_no
            )
        end as run_length

    from runs

),

judged as (

    select
        *,
        coalesce(value > upper_limit or value < lower_limit, false) as is_outside,
        coalesce(moving_range > range_limit, false) as is_range_outside,
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
        cast(point_no as bigint) as point_no,
        cast(phase_no as bigint) as phase_no,
        cast(n as bigint) as n,
        cast(baseline_n as bigint) as baseline_n,
        value,
        moving_range,
        centre,
        cast(upper_limit as double) as upper_limit,
        cast(lower_limit as double) as lower_limit,
        cast(range_limit as double) as range_limit,
        cast(run_length as bigint) as run_length,
        is_baseline,
        is_outside,
        is_range_outside,
        is_run,
        is_outside or is_run as is_signal,
        case
            when not (is_outside or is_run) then 'none'
            when side = 1 then 'higher'
            else 'lower'
        end as signal,
        week_start

    from judged

)

select * from final

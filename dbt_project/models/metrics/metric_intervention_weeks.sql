with

points as (

    select
        *,
        case
            when measure in ('work_time', 'flow_time') then -1
            when measure in ('output', 'velocity') then 1
        end as good_side,
        -- A trial is held against its baseline, and what comes later against the trial.
        case when phase = 'watch' then 'trial' else 'baseline' end as limits_from

    from {{ ref('measure_intervention_points') }}

),

ranges_of_phases as (

    select
        intervention_key,
        measure,
        phase,
        value,
        abs(value - lag(value) over (
            partition by intervention_key, measure, phase
            order by week_start
        )) as range_within

    from points

    where good_side is not null

),

averages as (

    select
        intervention_key,
        measure,
        phase,
        count(*) as baseline_n,
        cast(cast(avg(value) as decimal(18, 9)) as double) as centre,
        cast(avg(range_within) as double) as mean_range

    from ranges_of_phases

    group by 1, 2, 3

),

limited as (

    select
        points.*,
        averages.baseline_n,
        case when averages.mean_range > 0 then averages.centre end as centre,
        averages.mean_range

    from points

    left join averages
        on
            points.intervention_key = averages.intervention_key
            and points.measure = averages.measure
            and points.limits_from = averages.phase
            and averages.baseline_n >= {{ var('xmr_baseline_points') }}

),

drawn as (

    select
        *,
        cast(value as double) as reading,
        round(centre + 2.66 * mean_range, 9) as upper_limit,
        case
            when good_side = 1 and centre < 2.66 * mean_range then 0
            else round(centre - 2.66 * mean_range, 9)
        end as lower_limit,
        -- 1 where it is better, -1 where it is worse than the centre, null where it is neither.
        case
            when cast(value as double) > centre then good_side
            when cast(value as double) < centre then -good_side
        end as side

    from limited

),

runs as (

    select
        *,
        reading > upper_limit or reading < lower_limit as is_out,
        point_no - row_number() over (
            partition by intervention_key, measure, phase, side
            order by point_no
        ) as run_no

    from drawn

),

counted as (

    select
        *,
        case when side is not null then row_number() over (
            partition by intervention_key, measure, phase, side, run_no
            order by point_no
        ) else 0 end as run_length,
        sum(case when is_out then 1 end) over (
            partition by intervention_key, measure, phase, side
            order by point_no
            rows between unbounded preceding and current row
        ) as outside_points

    from runs

),

-- One point outside of the limits is no verdict: the third one is, or the eighth in a row.
judged as (

    select
        *,
        run_length >= 8 or (is_out and outside_points >= 3) as is_signal

    from counted

),

final as (

    select
        intervention_key || '|' || measure || '|' || cast(week_start as varchar)
            as metric_intervention_week_key,
        intervention_key,
        measure,
        phase,
        cast(point_no as bigint) as point_no,
        cast(n as bigint) as n,
        reading as value,
        case when centre is not null then cast(baseline_n as bigint) end as baseline_n,
        centre,
        cast(upper_limit as double) as upper_limit,
        cast(lower_limit as double) as lower_limit,
        case when centre is not null then is_out end as is_outside,
        case when centre is not null then cast(run_length as bigint) end as run_length,
        case
            when centre is null then null
            when not is_signal then 'none'
            when side = 1 then 'better'
            else 'worse'
        end as signal,
        true as is_complete_period,
        week_start

    from judged

)

select * from final

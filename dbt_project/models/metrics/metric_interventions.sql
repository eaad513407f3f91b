{%- set measures = ['work_time', 'output', 'flow_time', 'velocity'] -%}

with

interventions as (

    select
        interventions.*,
        stages.stage_key

    from {{ ref('interventions') }} as interventions

    inner join {{ ref('dim_stages') }} as stages
        on
            interventions.workflow = stages.workflow
            and interventions.stage = stages.stage

),

averages as (

    select
        intervention_key,
        measure,
        count(case when phase = 'baseline' then 1 end) as baseline_weeks,
        count(case when phase = 'trial' then 1 end) as trial_weeks,
        count(case when phase = 'watch' then 1 end) as watch_weeks,
        avg(case when phase = 'baseline' then value end) as baseline_mean,
        avg(case when phase = 'trial' then value end) as trial_mean,
        avg(case when phase = 'baseline' and points_left <= 4 then value end) as eve_mean,
        avg(case when phase = 'trial' and points_left <= 4 then value end) as trial_end_mean,
        avg(case when phase = 'trial' and points_left <= 13 then value end) as trial_late_mean,
        avg(case when phase = 'watch' and points_left <= 8 then value end) as watch_late_mean,
        min(case when phase = 'baseline' then week_start end) as baseline_start,
        max(case when phase = 'baseline' then week_start end) as last_baseline_week,
        max(week_start) as last_week_start

    from {{ ref('measure_intervention_points') }}

    group by 1, 2

),

charts as (

    select
        intervention_key,
        measure,
        max(case when phase <> 'watch' then centre end) as centre,
        max(case when phase <> 'watch' then (upper_limit - centre) / 3 end) as sigma,
        max(case when phase = 'watch' then centre end) as trial_centre,
        min(case when phase = 'trial' and signal = 'better' then week_start end) as better_from,
        max(case when phase = 'trial' and signal = 'better' then week_start end) as better_to,
        min(case when phase = 'trial' and signal = 'worse' then week_start end) as worse_from,
        max(case when phase = 'trial' and signal = 'worse' then week_start end) as worse_to,
        count(case when phase = 'watch' and signal = 'worse' then 1 end) as watch_signals

    from {{ ref('metric_intervention_weeks') }}

    group by 1, 2

),

-- What the trial says last is what counts.
told as (

    select
        averages.intervention_key,
        averages.measure,
        averages.baseline_weeks,
        averages.trial_weeks,
        averages.watch_weeks,
        averages.baseline_mean,
        averages.trial_mean,
        charts.centre,
        charts.sigma,
        charts.better_from,
        charts.worse_from,
        case
            when charts.centre is null then null
            when charts.better_to > coalesce(charts.worse_to, date '0001-01-01') then 'better'
            when charts.worse_to is not null then 'worse'
            else 'none'
        end as signal,
        averages.watch_weeks >= 8
        and charts.watch_signals > 0
        and case
            when averages.measure = 'work_time'
                then averages.watch_late_mean > (charts.centre + charts.trial_centre) / 2
            else averages.watch_late_mean < (charts.centre + charts.trial_centre) / 2
        end as is_lost

    from averages

    inner join charts
        on
            averages.intervention_key = charts.intervention_key
            and averages.measure = charts.measure

),

of_measures as (

    select
        intervention_key,
        {%- for measure in measures %}
            max(case when measure = '{{ measure }}' then signal end) as {{ measure }}_signal,
        {%- endfor %}
        max(case when measure in ('work_time', 'output') then centre end) is not null
            as has_limits,
        -- Where one of them has had both, it is no verdict, or the latest one.
        min(case when measure in ('work_time', 'output') then better_from end) as better_from,
        min(case when measure in ('work_time', 'output') then worse_from end) as worse_from,
        bool_or(measure = 'work_time' and is_lost) as is_work_time_lost,
        bool_or(measure = 'output' and is_lost) as is_output_lost

    from told

    group by 1

),

of_station as (

    select
        queue.intervention_key,
        queue.baseline_weeks,
        queue.trial_weeks,
        queue.watch_weeks,
        queue.baseline_start,
        queue.last_baseline_week,
        queue.last_week_start,
        queue.baseline_mean as queue_baseline,
        queue.eve_mean as queue_before,
        queue.trial_end_mean as queue_after,
        queue.trial_late_mean as queue_late,
        queue.watch_late_mean as queue_now,
        arrivals.baseline_mean as arrivals_before,
        arrivals.trial_mean as arrivals_after

    from averages as queue

    inner join averages as arrivals
        on
            queue.intervention_key = arrivals.intervention_key
            and arrivals.measure = 'arrivals'

    where queue.measure = 'queue'

),

-- The constraint of the line in the last week before, and in the last complete week.
constraints as (

    select
        interventions.intervention_key,
        constraints.stage_key,
        constraints.week_start < interventions.starts_on as is_before,
        row_number() over (
            partition by
                interventions.intervention_key, constraints.week_start < interventions.starts_on
            order by constraints.week_start desc
        ) as weeks_ago

    from interventions

    inner join {{ ref('metric_constraint') }} as constraints
        on
            interventions.value_stream_key = constraints.value_stream_key
            and interventions.workflow = constraints.workflow
            and interventions.level = constraints.level

    where constraints.status = 'constraint' and constraints.is_complete_period

),

constraints_then as (

    select
        intervention_key,
        max(case when is_before then stage_key end) as before_stage_key,
        max(case when not is_before then stage_key end) as now_stage_key

    from constraints

    where weeks_ago = 1

    group by 1

),

joined as (

    select
        interventions.*,
        of_station.baseline_weeks,
        of_station.trial_weeks,
        of_station.watch_weeks,
        of_station.baseline_start,
        of_station.last_baseline_week,
        of_station.last_week_start,
        of_station.queue_before,
        of_station.queue_after,
        of_station.arrivals_before,
        of_station.arrivals_after,
        of_measures.work_time_signal,
        of_measures.output_signal,
        of_measures.flow_time_signal,
        of_measures.velocity_signal,
        of_measures.has_limits,
        of_measures.better_from,
        of_measures.worse_from,
        of_measures.is_work_time_lost,
        of_measures.is_output_lost,
        expected.centre,
        expected.sigma,
        expected.trial_mean,
        expected.baseline_weeks as expected_baseline_points,
        expected.trial_weeks as expected_trial_points,
        constraints_then.before_stage_key,
        constraints_then.now_stage_key,
        case
            when of_station.trial_weeks >= 13 and of_station.baseline_weeks > 0
                then
                    case
                        when
                            of_station.queue_late < 0.2 * of_station.queue_baseline
                            and of_station.arrivals_after >= 0.95 * of_station.arrivals_before
                            then 'better'
                        when
                            of_station.queue_late > 5 * of_station.queue_baseline
                            and of_station.arrivals_after <= 1.05 * of_station.arrivals_before
                            then 'worse'
                        else 'none'
                    end
        end as queue_signal,
        of_station.queue_now > 0.5 * of_station.queue_baseline as is_queue_lost

    from interventions

    left join of_station
        on interventions.intervention_key = of_station.intervention_key

    left join of_measures
        on interventions.intervention_key = of_measures.intervention_key

    left join told as expected
        on
            interventions.intervention_key = expected.intervention_key
            and interventions.measure = expected.measure

    left join constraints_then
        on interventions.intervention_key = constraints_then.intervention_key

),

led as (

    select
        *,
        coalesce(
            work_time_signal = 'better' or output_signal = 'better' or queue_signal = 'better',
            false
        ) as is_better,
        coalesce(
            work_time_signal = 'worse' or output_signal = 'worse' or queue_signal = 'worse', false
        ) as is_worse,
        -- Of a queue that grew although less came nobody says that it is better, and so on.
        queue_after <= queue_before or arrivals_after > arrivals_before as may_be_better,
        queue_after >= queue_before or arrivals_after < arrivals_before as may_be_worse,
        case
            when work_time_signal = 'better' then is_work_time_lost
            when output_signal = 'better' then is_output_lost
            else is_queue_lost
        end as is_lost,
        case
            when measure in ('work_time', 'flow_time') then ln(1 + expected_effect)
            else centre * expected_effect
        end as expected_change,
        trial_mean - centre as actual_change,
        1.96 * sigma * sqrt(
            cast(1 as double) / nullif(expected_baseline_points, 0)
            + cast(1 as double) / nullif(expected_trial_points, 0)
        ) as half_width

    from joined

),

judged as (

    select
        *,
        case
            when last_week_start is null then 'nothing_came_there'
            when trial_weeks = 0 then 'no_week_since_it_began'
            when not has_limits then 'no_limits'
            when is_better and is_worse then 'leading_measures_disagree'
            when is_better and not may_be_better then 'queue_grew'
            when is_worse and not may_be_worse then 'queue_fell'
            when not is_better and not is_worse then 'no_signal'
        end as no_verdict_reason,
        -- To nine digits all values of a baseline may be the same one.
        abs(expected_change) / nullif(sigma, 0) as expected_sigmas

    from led

),

measured as (

    select
        *,
        case
            when
                no_verdict_reason
                in ('nothing_came_there', 'no_week_since_it_began', 'no_limits') then 'not_known'
            when no_verdict_reason is not null then 'no_signal_yet'
            when is_better and watch_weeks >= 8 and is_lost then 'reverted'
            when is_better then 'improved'
            else 'worse'
        end as verdict,
        case
            when measure in ('work_time', 'flow_time') then exp(actual_change) - 1
            else actual_change / centre
        end as actual_effect,
        case
            when measure in ('work_time', 'flow_time') then exp(actual_change - half_width) - 1
            else (actual_change - half_width) / centre
        end as actual_effect_low,
        case
            when measure in ('work_time', 'flow_time') then exp(actual_change + half_width) - 1
            else (actual_change + half_width) / centre
        end as actual_effect_high

    from judged

),

final as (

    select
        intervention_key,
        name,
        value_stream_key,
        workflow,
        level,
        stage_key,
        stage,
        measure,
        verdict,
        no_verdict_reason,
        case
            when verdict in ('improved', 'reverted')
                then
                    case
                        when flow_time_signal = 'better' then 'confirmed'
                        when flow_time_signal = 'worse' then 'old_queue_drains'
                        else 'not_yet'
                    end
            when verdict = 'worse'
                then case when flow_time_signal = 'worse' then 'confirmed' else 'not_yet' end
        end as confirmation,
        work_time_signal,
        output_signal,
        queue_signal,
        flow_time_signal,
        velocity_signal,
        case
            when verdict in ('improved', 'reverted') then better_from
            when verdict = 'worse' then worse_from
        end as signal_week_start,
        case
            when verdict not in ('improved', 'reverted') then null
            when watch_weeks < 8 then 'not_watched_yet'
            when verdict = 'reverted' then 'lost'
            else 'holding'
        end as sustainment,
        coalesce(baseline_weeks, 0) as baseline_weeks,
        coalesce(trial_weeks, 0) as trial_weeks,
        coalesce(watch_weeks, 0) as watch_weeks,
        round(queue_before, 9) as queue_before,
        round(queue_after, 9) as queue_after,
        round(arrivals_before, 9) as arrivals_before,
        round(arrivals_after, 9) as arrivals_after,
        before_stage_key as constraint_before_stage_key,
        now_stage_key as constraint_now_stage_key,
        before_stage_key <> now_stage_key as has_constraint_moved,
        expected_effect,
        round(actual_effect, 9) as actual_effect,
        round(actual_effect_low, 9) as actual_effect_low,
        round(actual_effect_high, 9) as actual_effect_high,
        expected_effect between actual_effect_low and actual_effect_high as is_as_expected,
        -- Simulated (tests/flow/test_interventions.py): how often a change of as many standard
        -- deviations of a week is found in 26 weeks against a baseline of 26.
        cast(
            case
                when expected_sigmas >= 2 then 0.99
                when expected_sigmas >= 1.5 then 0.97
                when expected_sigmas >= 1.25 then 0.91
                when expected_sigmas >= 1 then 0.79
                when expected_sigmas >= 0.75 then 0.58
                when expected_sigmas >= 0.5 then 0.35
                when expected_sigmas >= 0.25 then 0.16
                when expected_sigmas >= 0 then 0.06
            end as double
        ) as power_share,
        cost as intervention_cost,
        currency,
        baseline_start,
        cast(last_baseline_week + interval '6' day as date) as baseline_end,
        starts_on,
        last_week_start

    from measured

)

select * from final

with

interventions as (

    select * from {{ ref('metric_interventions') }}

),

-- Who waited longest at its station since it began.
visits as (

    select
        interventions.intervention_key,
        items.item_key,
        row_number() over (
            partition by interventions.intervention_key
            order by visits.queue_wait_s desc, items.item_key, visits.constraint_visit_key
        ) as row_num

    from interventions

    inner join {{ ref('metric_constraint_visits') }} as visits
        on
            interventions.value_stream_key = visits.value_stream_key
            and interventions.workflow = visits.workflow
            and interventions.level = visits.level
            and interventions.stage_key = visits.stage_key

    inner join {{ ref('dim_work_items') }} as items
        on visits.work_item_version_key = items.work_item_version_key

    where visits.week_start >= interventions.starts_on

),

evidence as (

    select
        intervention_key,
        {{ first_five('item_key', 'row_num') }} as evidence_items

    from visits

    group by 1

),

final as (

    select
        streams.name as value_stream,
        interventions.workflow,
        interventions.level,
        interventions.name as intervention,
        interventions.stage,
        interventions.starts_on,
        interventions.verdict,
        interventions.no_verdict_reason as why_no_verdict,
        interventions.confirmation,
        interventions.sustainment,
        interventions.has_constraint_moved,
        stages_before.stage as constraint_before,
        stages_now.stage as constraint_now,
        interventions.baseline_weeks + interventions.trial_weeks as n,
        interventions.measure,
        interventions.expected_effect,
        interventions.actual_effect,
        interventions.actual_effect_low,
        interventions.actual_effect_high,
        interventions.is_as_expected,
        interventions.power_share,
        interventions.work_time_signal,
        interventions.output_signal,
        interventions.queue_signal,
        interventions.flow_time_signal,
        interventions.signal_week_start as signal_since,
        interventions.queue_before,
        interventions.queue_after,
        interventions.arrivals_before,
        interventions.arrivals_after,
        interventions.watch_weeks,
        interventions.intervention_cost,
        interventions.currency,
        evidence.evidence_items

    from interventions

    inner join {{ ref('dim_value_streams') }} as streams
        on interventions.value_stream_key = streams.value_stream_key

    left join {{ ref('dim_stages') }} as stages_before
        on interventions.constraint_before_stage_key = stages_before.stage_key

    left join {{ ref('dim_stages') }} as stages_now
        on interventions.constraint_now_stage_key = stages_now.stage_key

    left join evidence
        on interventions.intervention_key = evidence.intervention_key

)

select * from final

with

scenarios as (

    select * from {{ ref('metric_scenarios') }}

),

-- Who waited longest in the weeks that were drawn from: at the stage, or of a limit in the line.
visits as (

    select
        scenarios.metric_scenario_key,
        items.item_key,
        row_number() over (
            partition by scenarios.metric_scenario_key
            order by visits.queue_wait_s desc, items.item_key, visits.constraint_visit_key
        ) as row_num

    from scenarios

    inner join {{ ref('metric_constraint_visits') }} as visits
        on
            scenarios.value_stream_key = visits.value_stream_key
            and scenarios.workflow = visits.workflow
            and scenarios.level = visits.level
            and coalesce(scenarios.stage_key, visits.stage_key) = visits.stage_key

    inner join {{ ref('dim_work_items') }} as items
        on visits.work_item_version_key = items.work_item_version_key

    where
        visits.queue_wait_s > 0
        and visits.week_start >= scenarios.window_start
        and visits.week_start <= scenarios.window_end

),

evidence as (

    select
        metric_scenario_key,
        {{ first_five('item_key', 'row_num') }} as evidence_items

    from visits

    group by 1

),

final as (

    select
        streams.name as value_stream,
        scenarios.workflow,
        scenarios.level,
        scenarios.name as scenario,
        scenarios.change,
        stages.stage,
        scenarios.amount,
        scenarios.measure,
        scenarios.arrivals_n as n,
        scenarios.observed,
        scenarios.as_is,
        scenarios.value_low,
        scenarios.value_median,
        scenarios.value_high,
        scenarios.change_low,
        scenarios.change_median,
        scenarios.change_high,
        scenarios.gain_low,
        scenarios.gain_median,
        scenarios.gain_high,
        scenarios.scenario_cost,
        scenarios.currency,
        scenarios.decision,
        scenarios.no_result_reason as why_no_result,
        scenarios.assumption,
        evidence.evidence_items,
        scenarios.trials,
        scenarios.window_start,
        scenarios.window_end

    from scenarios

    inner join {{ ref('dim_value_streams') }} as streams
        on scenarios.value_stream_key = streams.value_stream_key

    left join {{ ref('dim_stages') }} as stages
        on scenarios.stage_key = stages.stage_key

    left join evidence
        on scenarios.metric_scenario_key = evidence.metric_scenario_key

)

select * from final

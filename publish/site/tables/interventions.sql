-- One row per intervention, the newest first.
select
    value_stream_key as stream,
    name,
    upper(stage[1]) || replace(stage[2:], '_', ' ') as station,
    starts_on,
    replace(verdict, '_', ' ') as verdict,
    replace(no_verdict_reason, '_', ' ') as no_verdict_because,
    replace(measure, '_', ' ') as measure,
    expected_effect as expected_share,
    actual_effect as actual_share,
    actual_effect_low as at_least_share,
    actual_effect_high as at_most_share,
    replace(confirmation, '_', ' ') as flow_time_says,
    replace(sustainment, '_', ' ') as sustainment,
    baseline_weeks,
    trial_weeks,
    queue_before,
    queue_after,
    arrivals_before,
    arrivals_after,
    has_constraint_moved,
    power_share,
    intervention_cost,
    currency
from metrics.metric_interventions
order by stream, starts_on desc, name

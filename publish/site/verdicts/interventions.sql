-- One row per intervention: whether it helped.
select
    value_stream_key as stream,
    workflow || '/' || level as work,
    name,
    replace(stage, '_', ' ') as stage,
    replace(measure, '_', ' ') as measure,
    verdict,
    no_verdict_reason,
    confirmation,
    sustainment,
    baseline_weeks,
    trial_weeks,
    has_constraint_moved,
    replace(split_part(constraint_now_stage_key, ':', 2), '_', ' ') as constraint_now,
    expected_effect,
    actual_effect,
    actual_effect_low,
    actual_effect_high,
    power_share,
    starts_on
from metrics.metric_interventions
order by stream, starts_on desc, intervention_key

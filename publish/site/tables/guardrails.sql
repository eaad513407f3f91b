-- One row per guardrail and period.
select
    value_stream_key as stream,
    guardrail_key as guardrail,
    work_type,
    replace(basis, '_', ' ') as basis,
    period_start,
    period_end,
    actual_share,
    min_share,
    max_share,
    n,
    replace(status, '_', ' ') as status,
    is_complete_period,
    row_number() over (
        partition by guardrail_key order by is_complete_period desc, period_start desc
    ) = 1 as is_last
from metrics.metric_guardrails
order by stream, guardrail, period_start desc

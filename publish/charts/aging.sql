select
    aging.workflow || '/' || aging.level as work,
    aging.value_stream_key as stream,
    stages.ordinal as position,
    upper(aging.stage[1]) || replace(aging.stage[2:], '_', ' ') as label,
    aging.item_key,
    aging.work_type,
    aging.age_s,
    aging.stage_age_s,
    aging.pace_p50_s,
    aging.pace_p85_s,
    aging.pace_p95_s,
    aging.pace_n,
    aging.is_late
from metrics.metric_aging_wip as aging
inner join marts.dim_stages as stages on aging.stage_key = stages.stage_key
qualify
    row_number() over (partition by work order by aging.age_s desc, aging.item_key) <= 5000
order by work, position, aging.age_s desc, aging.item_key

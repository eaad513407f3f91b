-- One row per open item whose work has started; of the oldest 5,000 of a stream and kind of work.
select
    aging.workflow || '/' || aging.level as work,
    aging.value_stream_key as stream,
    stages.position,
    stages.label,
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
inner join stages on aging.stage_key = stages.stage_key
qualify
    row_number() over (
        partition by work, stream order by aging.age_s desc, aging.item_key
    ) <= $most
order by work, stream, aging.age_s desc, aging.item_key

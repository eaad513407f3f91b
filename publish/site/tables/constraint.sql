-- One row per value stream, kind of work, station and complete week: how much it limits its line.
select
    scores.workflow || '/' || scores.level as work,
    scores.value_stream_key as stream,
    scores.week_start,
    scores.ordinal as position,
    upper(scores.stage[1]) || replace(scores.stage[2:], '_', ' ') as station,
    replace(scores.status, '_', ' ') as status,
    scores.constraint_rank,
    scores.confidence,
    scores.served_visits,
    scores.queue_wait_mean_s,
    scores.queued_share,
    scores.saturation,
    scores.active_period_share,
    scores.downstream_starved_share,
    replace(scores.insufficient_reason, '_', ' ') as insufficient_reason,
    scores.week_start = max(scores.week_start) over (partition by scores.value_stream_key)
        as is_last
from metrics.metric_constraint as scores
cross join (select min(window_start) as first_day, max(window_end) as end_day from ranges) as widest
where
    scores.is_complete_period
    and scores.week_start >= widest.first_day
    and scores.week_start < widest.end_day
order by work, stream, scores.week_start desc, scores.constraint_rank, position

-- One row per value stream, kind of work, month and way in which time was lost; the ten largest.
select
    losses.workflow || '/' || losses.level as work,
    losses.value_stream_key as stream,
    losses.month_start,
    losses.loss_rank,
    losses.loss_kind,
    upper(losses.stage[1]) || replace(losses.stage[2:], '_', ' ') as label,
    losses.reason,
    losses.delayed_items,
    losses.delayed_parents,
    losses.lost_s,
    losses.lost_share,
    losses.cost_of_delay,
    losses.currency,
    losses.is_complete_period
from metrics.metric_delay_pareto as losses
cross join (select min(window_start) as first_day, max(window_end) as end_day from ranges) as widest
where
    losses.month_start >= date_trunc('month', widest.first_day)
    and losses.month_start < widest.end_day
    and losses.loss_rank <= 10
order by work, stream, losses.month_start desc, losses.loss_rank

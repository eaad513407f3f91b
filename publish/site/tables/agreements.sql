-- One row per value stream, month, priority of incidents and target that was agreed.
select
    agreements.value_stream_key as stream,
    agreements.level,
    agreements.month_start,
    agreements.priority,
    agreements.target,
    agreements.ended,
    agreements.breached,
    agreements.met_share,
    agreements.is_complete_period
from metrics.metric_incident_sla as agreements
cross join (select min(window_start) as first_day, max(window_end) as end_day from ranges) as widest
where
    agreements.month_start >= date_trunc('month', widest.first_day)
    and agreements.month_start < widest.end_day
order by stream, agreements.month_start desc, agreements.priority, agreements.target

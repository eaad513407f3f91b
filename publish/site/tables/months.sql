-- One row per value stream, kind of work and month: what the period tables say, unchanged.
select
    flows.workflow || '/' || flows.level as work,
    flows.value_stream_key as stream,
    flows.month_start,
    flows.velocity,
    flows.flow_time_p50_s,
    flows.flow_time_p85_s,
    flows.flow_time_p95_s,
    flows.n,
    flows.flow_efficiency_share,
    flows.started_share,
    flows.rework_share,
    flows.first_pass_yield_share,
    flows.load,
    flows.is_complete_period
from metrics.metric_flow_month_totals as flows
cross join (select min(window_start) as first_day, max(window_end) as end_day from ranges) as widest
where
    flows.month_start >= date_trunc('month', widest.first_day)
    and flows.month_start < widest.end_day
order by work, stream, flows.month_start desc

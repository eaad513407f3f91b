-- One row per value stream, kind of work, week and type of work: what was finished.
select
    flow.workflow || '/' || flow.level as work,
    flow.value_stream_key as stream,
    flow.week_start,
    flow.work_type,
    flow.velocity,
    flow.distribution_share,
    flow.flow_time_p50_s,
    flow.n,
    flow.is_complete_period
from metrics.metric_flow as flow
cross join (select min(window_start) as first_day, max(window_end) as end_day from ranges) as widest
where
    flow.week_start >= widest.first_day and flow.week_start < widest.end_day and flow.velocity > 0
order by work, stream, flow.week_start desc, flow.work_type

-- One row per value stream, kind of work and week, with the limits of its control chart.
select
    flows.workflow || '/' || flows.level as work,
    flows.value_stream_key as stream,
    flows.week_start,
    flows.velocity,
    flows.is_complete_period as is_complete_week,
    chart.centre,
    chart.lower_limit,
    chart.upper_limit,
    chart.signal,
    chart.is_signal,
    chart.baseline_start,
    chart.baseline_end,
    chart.baseline_n,
    chart.expected_false_alarm_share,
    replace(chart.no_limits_reason, '_', ' ') as no_limits_because
from metrics.metric_flow_totals as flows
left join metrics.metric_throughput_xmr as chart
    on
        flows.value_stream_key = chart.value_stream_key
        and flows.workflow = chart.workflow
        and flows.level = chart.level
        and flows.week_start = chart.week_start
cross join (select min(window_start) as first_day, max(window_end) as end_day from ranges) as widest
where flows.week_start >= widest.first_day and flows.week_start < widest.end_day
order by work, stream, flows.week_start

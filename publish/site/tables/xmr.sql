-- One row per value stream, kind of work and complete week: mean flow time on its control chart.
-- The chart is of logarithms of hours; here they are seconds again.
select
    chart.workflow || '/' || chart.level as work,
    chart.value_stream_key as stream,
    chart.week_start,
    chart.n,
    exp(chart.value) * 3600 as mean_s,
    exp(chart.centre) * 3600 as centre_s,
    exp(chart.lower_limit) * 3600 as lower_limit_s,
    exp(chart.upper_limit) * 3600 as upper_limit_s,
    chart.signal,
    chart.is_signal,
    chart.baseline_start,
    chart.baseline_end,
    chart.baseline_n,
    chart.expected_false_alarm_share,
    chart.no_limits_reason
from metrics.metric_xmr as chart
cross join (select min(window_start) as first_day, max(window_end) as end_day from ranges) as widest
where
    chart.metric = 'flow_time_log_h'
    and chart.week_start >= widest.first_day
    and chart.week_start < widest.end_day
order by work, stream, chart.week_start

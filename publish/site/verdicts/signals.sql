-- One row per value stream and control chart: whether its last four points say that something
-- changed.
with points as (
    select
        *,
        row_number() over (
            partition by metric, value_stream_key, workflow, level order by week_start desc
        ) as age
    from metrics.metric_xmr
),

charts as (
    select
        metric,
        value_stream_key as stream,
        workflow || '/' || level as work,
        count(*) filter (where age <= 4 and is_signal) as signals,
        count(*) filter (where age <= 4 and signal = 'higher') as higher,
        count(*) filter (where age <= 4 and signal = 'lower') as lower,
        max(week_start) filter (where age <= 4 and is_signal) as signal_week,
        arg_max(value, week_start) filter (where age <= 4 and is_signal) as value,
        arg_max(n, week_start) filter (where age <= 4 and is_signal) as n,
        arg_max(centre, week_start) filter (where age <= 4 and is_signal) as centre,
        arg_max(baseline_start, week_start) filter (where age <= 4 and is_signal)
            as baseline_start,
        arg_max(baseline_end, week_start) filter (where age <= 4 and is_signal) as baseline_end,
        arg_max(baseline_n, week_start) filter (where age <= 4 and is_signal) as baseline_n,
        arg_max(expected_false_alarm_share, week_start) filter (where age <= 4 and is_signal)
            as false_alarm_share,
        arg_max(run_length, week_start) filter (where age <= 4 and is_run) as run_length,
        any_value(no_limits_reason) filter (where age = 1) as no_limits_reason
    from points
    group by metric, value_stream_key, workflow, level
)

select
    *,
    if(metric = 'flow_time_log_h', exp(value) * 3600, value) as shown_value,
    if(metric = 'flow_time_log_h', exp(centre) * 3600, centre) as shown_centre
from charts
order by
    stream, work = 'software/story' desc, work = 'epic/epic' desc, work, metric = 'velocity'

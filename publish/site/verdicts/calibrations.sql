-- One row per value stream and kind of work: how often its forecasts of 85 % held.
select
    value_stream_key as stream,
    workflow || '/' || level as work,
    n,
    hits
from metrics.metric_forecast_calibration
where percentile = 85
order by stream, work

-- One row per value stream, kind of work and certainty: how often forecasts of the past held.
select
    workflow || '/' || level as work,
    value_stream_key as stream,
    percentile,
    n,
    hits,
    coverage_share,
    first_origin_date,
    last_origin_date
from metrics.metric_forecast_calibration
order by work, stream, percentile

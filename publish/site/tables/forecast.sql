-- One row per value stream, kind of work, kind of forecast, horizon and certainty.
select
    workflow || '/' || level as work,
    value_stream_key as stream,
    kind,
    if(
        kind = 'how_many', 'Within ' || horizon_days || ' days',
        'Until what is in flow is finished'
    ) as question,
    percentile,
    if(kind = 'how_many', value, null) as items,
    if(kind = 'when', items, null) as items_to_finish,
    if(kind = 'when', value, null) as days,
    forecast_date,
    n,
    window_days,
    trials,
    origin_date,
    horizon_days
from metrics.metric_forecast
order by work, stream, kind, horizon_days, percentile

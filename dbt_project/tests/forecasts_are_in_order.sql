-- Every forecast beside the next surer one of its group: "when" is later, "how many" is fewer.
with

forecasts as (

    select
        *,
        lead(percentile) over (
            partition by value_stream_key, workflow, level, kind, horizon_days
            order by percentile
        ) as surer_percentile,
        lead(value) over (
            partition by value_stream_key, workflow, level, kind, horizon_days
            order by percentile
        ) as surer_value

    from {{ ref('metric_forecast') }}

)

select
    metric_forecast_key,
    percentile,
    value,
    surer_percentile,
    surer_value

from forecasts

where
    kind = 'how_many' and (value is null or value < 0 or surer_value > value)
    or kind = 'when' and (value < 1 or surer_value < value)
    or kind = 'when' and value is null and surer_value is not null
    or percentile < 95 and surer_percentile is null

with

forecasts as (

    select * from {{ ref('sim_forecasts') }}
    where actual is not null

),

final as (

    select
        value_stream_key || '|' || workflow || '|' || level || '|' || cast(percentile as varchar)
        || '|' || cast(origin_date as varchar) as metric_forecast_backtest_key,
        value_stream_key,
        workflow,
        level,
        horizon_days,
        percentile,
        value,
        actual,
        n,
        actual >= value as is_hit,
        origin_date

    from forecasts

)

select * from final

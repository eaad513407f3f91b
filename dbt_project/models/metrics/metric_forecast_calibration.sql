with

backtests as (

    select * from {{ ref('metric_forecast_backtests') }}

),

final as (

    select
        value_stream_key || '|' || workflow || '|' || level || '|' || cast(percentile as varchar)
            as metric_forecast_calibration_key,
        value_stream_key,
        workflow,
        level,
        percentile,
        cast(count(*) as bigint) as n,
        cast(count(case when is_hit then 1 end) as bigint) as hits,
        cast(count(case when is_hit then 1 end) as double) / count(*) as coverage_share,
        min(origin_date) as first_origin_date,
        max(origin_date) as last_origin_date

    from backtests

    group by value_stream_key, workflow, level, percentile

)

select * from final

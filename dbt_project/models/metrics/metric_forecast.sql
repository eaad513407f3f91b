with

forecasts as (

    select
        *,
        -- Without a horizon is only the other kind of forecast.
        max(case when percentile = 50 then value end) over (
            partition by value_stream_key, workflow, level, horizon_days
        ) as median,
        max(case when percentile = 95 then value end) over (
            partition by value_stream_key, workflow, level, horizon_days
        ) as surest

    from {{ ref('sim_forecasts') }}

    -- What has happened since is known of the backtests only.
    where actual is null

),

final as (

    select
        value_stream_key || '|' || workflow || '|' || level || '|' || kind || '|'
        || coalesce(cast(horizon_days as varchar), 'all') || '|' || cast(percentile as varchar)
            as metric_forecast_key,
        value_stream_key,
        workflow,
        level,
        kind,
        horizon_days,
        items,
        percentile,
        value,
        case
            when kind = 'how_many' then cast(surest as double) / nullif(median, 0)
        end as predictability_share,
        window_days,
        n,
        trials,
        seed,
        origin_date,
        cast(
            {{ add_seconds(
                'cast(origin_date as timestamp)',
                "(case when kind = 'when' then value else horizon_days end) * 86400"
            ) }} as date
        ) as forecast_date

    from forecasts

)

select * from final

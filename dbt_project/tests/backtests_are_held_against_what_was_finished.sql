-- What happened is counted again from the items, not from the days that were drawn.
with

work_items as (

    select
        flows.last_done_at,
        versions.value_stream_key,
        current_versions.workflow,
        versions.level,
        cast({{ local_time('flows.last_done_at', 'streams.time_zone') }} as date) as done_date

    from {{ ref('fct_work_item_flows') }} as flows

    inner join {{ ref('dim_work_items') }} as current_versions
        on
            flows.work_item_key = current_versions.work_item_key
            and current_versions.is_current

    inner join {{ ref('dim_work_items') }} as versions
        on
            flows.work_item_key = versions.work_item_key
            and {{ valid_at('versions', 'flows.last_done_at') }}

    inner join {{ ref('dim_value_streams') }} as streams
        on versions.value_stream_key = streams.value_stream_key

    where flows.outcome = 'done'

),

recounted as (

    select
        backtests.metric_forecast_backtest_key,
        count(work_items.done_date) as actual

    from {{ ref('metric_forecast_backtests') }} as backtests

    left join work_items
        on
            backtests.value_stream_key = work_items.value_stream_key
            and backtests.workflow = work_items.workflow
            and backtests.level = work_items.level
            and backtests.origin_date < work_items.done_date
            and work_items.done_date <= cast(
                {{ add_seconds(
                    'cast(backtests.origin_date as timestamp)', 'backtests.horizon_days * 86400'
                ) }} as date
            )

    group by 1

)

select
    backtests.metric_forecast_backtest_key,
    backtests.actual,
    recounted.actual as recounted,
    backtests.value,
    backtests.is_hit

from {{ ref('metric_forecast_backtests') }} as backtests

left join recounted
    on backtests.metric_forecast_backtest_key = recounted.metric_forecast_backtest_key

where
    backtests.actual <> recounted.actual
    or backtests.is_hit <> (recounted.actual >= backtests.value)

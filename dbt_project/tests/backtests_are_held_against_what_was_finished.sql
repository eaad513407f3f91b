-- What was known at the end of a horizon is counted again from the moves of the items, not from the
-- days that were drawn.
with

moves as (

    select
        *,
        lead(changed_at) over (
            partition by work_item_key
            order by transition_seq
        ) as moved_on_at

    from {{ ref('fct_stage_transitions') }}

),

finishes as (

    select
        versions.value_stream_key,
        versions.level,
        moves.workflow,
        cast({{ local_time('moves.changed_at', 'streams.time_zone') }} as date) as done_date,
        coalesce(
            cast({{ local_time('moves.moved_on_at', 'streams.time_zone') }} as date),
            date '9999-12-31'
        ) as undone_date

    from moves

    inner join {{ own_first('stages') }} as stages
        on moves.workflow = stages.workflow and moves.to_stage = stages.stage

    inner join {{ ref('dim_work_items') }} as versions
        on
            moves.work_item_key = versions.work_item_key
            and {{ valid_at('versions', 'moves.changed_at') }}

    inner join {{ ref('dim_value_streams') }} as streams
        on versions.value_stream_key = streams.value_stream_key

    where stages.is_finished_boundary

),

horizons as (

    select
        *,
        cast(
            {{ add_seconds('cast(origin_date as timestamp)', 'horizon_days * 86400') }} as date
        ) as last_date

    from {{ ref('metric_forecast_backtests') }}

),

recounted as (

    select
        horizons.metric_forecast_backtest_key,
        count(finishes.done_date) as actual

    from horizons

    left join finishes
        on
            horizons.value_stream_key = finishes.value_stream_key
            and horizons.workflow = finishes.workflow
            and horizons.level = finishes.level
            and horizons.origin_date < finishes.done_date
            and finishes.done_date <= horizons.last_date
            and horizons.last_date < finishes.undone_date

    group by 1

)

select
    horizons.metric_forecast_backtest_key,
    horizons.actual,
    recounted.actual as recounted,
    horizons.value,
    horizons.is_hit

from horizons

left join recounted
    on horizons.metric_forecast_backtest_key = recounted.metric_forecast_backtest_key

where
    horizons.actual <> recounted.actual
    or horizons.is_hit <> (recounted.actual >= horizons.value)

-- What happened is counted again from the items, not from the days that were drawn: how many were
-- finished by the end of the days after the origin, less how many by its own end.
with

finished as (

    select
        versions.value_stream_key,
        current_versions.workflow,
        versions.level,
        cast({{ local_time('flows.last_done_at', 'streams.time_zone') }} as date) as date_day

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

backtests as (

    select
        *,
        cast(
            {{ add_seconds('cast(origin_date as timestamp)', 'horizon_days * 86400') }} as date
        ) as last_date

    from {{ ref('metric_forecast_backtests') }}

),

-- The days that are asked for stand among those on which something was finished.
asked as (

    select
        value_stream_key,
        workflow,
        level,
        date_day,
        1 as items
    from finished
    union all
    select distinct
        value_stream_key,
        workflow,
        level,
        origin_date as date_day,
        0 as items
    from backtests
    union all
    select distinct
        value_stream_key,
        workflow,
        level,
        last_date as date_day,
        0 as items
    from backtests

),

by_day as (

    select
        value_stream_key,
        workflow,
        level,
        date_day,
        sum(sum(items)) over (
            partition by value_stream_key, workflow, level
            order by date_day
            rows between unbounded preceding and current row
        ) as finished_so_far

    from asked

    group by 1, 2, 3, 4

)

select
    backtests.metric_forecast_backtest_key,
    backtests.actual,
    last_days.finished_so_far - origins.finished_so_far as recounted,
    backtests.value,
    backtests.is_hit

from backtests

left join by_day as origins
    on
        backtests.value_stream_key = origins.value_stream_key
        and backtests.workflow = origins.workflow
        and backtests.level = origins.level
        and backtests.origin_date = origins.date_day

left join by_day as last_days
    on
        backtests.value_stream_key = last_days.value_stream_key
        and backtests.workflow = last_days.workflow
        and backtests.level = last_days.level
        and backtests.last_date = last_days.date_day

where
    backtests.actual is distinct from last_days.finished_so_far - origins.finished_so_far
    or backtests.is_hit <> (backtests.actual >= backtests.value)

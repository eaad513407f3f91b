with

forecasts as (

    select
        value_stream_key,
        workflow,
        level,
        horizon_days,
        forecast_date,
        origin_date,
        n,
        window_days,
        predictability_share,
        max(case when percentile = 50 then value end) as p50,
        max(case when percentile = 85 then value end) as p85,
        max(case when percentile = 95 then value end) as p95

    from {{ ref('metric_forecast') }}

    where kind = 'how_many'

    group by 1, 2, 3, 4, 5, 6, 7, 8, 9

),

finished as (

    select
        value_stream_key,
        workflow,
        level,
        item_key,
        row_number() over (
            partition by value_stream_key, workflow, level
            order by last_done_at desc, item_key
        ) as row_num

    from {{ ref('metric_cycle_times') }}

),

evidence as (

    select
        value_stream_key,
        workflow,
        level,
        {{ first_five('item_key', 'row_num') }} as evidence_items

    from finished

    group by 1, 2, 3

),

final as (

    select
        streams.name as value_stream,
        forecasts.workflow,
        forecasts.level,
        forecasts.horizon_days,
        forecasts.forecast_date as until,
        increments.name as increment,
        forecasts.p50 as at_least_p50_items,
        forecasts.p85 as at_least_p85_items,
        forecasts.p95 as at_least_p95_items,
        forecasts.n,
        forecasts.window_days,
        coalesce(calibration.n, 0) as backtests,
        coalesce(calibration.hits, 0) as hits,
        calibration.coverage_share,
        {{ share_interval('calibration.hits', 'calibration.n', 'low') }} as coverage_low_share,
        {{ share_interval('calibration.hits', 'calibration.n', 'high') }} as coverage_high_share,
        forecasts.predictability_share,
        evidence.evidence_items,
        forecasts.origin_date as forecast_on

    from forecasts

    inner join {{ ref('dim_value_streams') }} as streams
        on forecasts.value_stream_key = streams.value_stream_key

    left join {{ ref('dim_increments') }} as increments
        on forecasts.forecast_date between increments.starts_on and increments.ends_on

    left join {{ ref('metric_forecast_calibration') }} as calibration
        on
            forecasts.value_stream_key = calibration.value_stream_key
            and forecasts.workflow = calibration.workflow
            and forecasts.level = calibration.level
            and calibration.percentile = 85

    left join evidence
        on
            forecasts.value_stream_key = evidence.value_stream_key
            and forecasts.workflow = evidence.workflow
            and forecasts.level = evidence.level

)

select * from final

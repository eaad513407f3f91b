with

children as (

    select * from {{ ref('measure_epic_children') }}

),

forecasts as (

    select * from {{ ref('sim_epics') }}
    where not is_backtest

),

final as (

    select
        children.epic_children_key as metric_epic_progress_key,
        children.work_item_key,
        epics.work_item_version_key,
        children.value_stream_key,
        epics.level as epic_level,
        flows.outcome,
        children.workflow,
        children.level,
        children.child_count,
        children.done_count,
        children.cancelled_count,
        children.open_count,
        children.started_count,
        cast(children.done_count as double)
        / nullif(children.child_count - children.cancelled_count, 0) as done_share,
        cast(children.points as double) as points,
        cast(
            case when children.points is not null then coalesce(children.done_points, 0) end
            as double
        ) as done_points,
        case
            when children.open_count = 0 then 'nothing_is_open'
            when forecasts.epic_children_key is null then 'stream_finished_too_little'
            when forecasts.window_done_count = 0 then 'no_child_was_finished'
            when forecasts.days_p50 is null then 'later_than_730_days'
        end as no_forecast_reason,
        forecasts.window_days,
        forecasts.n,
        forecasts.window_done_count,
        forecasts.trials,
        forecasts.seed,
        {%- for percentile in (50, 85, 95) %}
            cast(
                {{ add_seconds(
                    'cast(forecasts.origin_date as timestamp)',
                    'forecasts.days_p' ~ percentile ~ ' * 86400'
                ) }} as date
            ) as done_p{{ percentile }}_date,
        {%- endfor %}
        forecasts.origin_date,
        children.first_started_at,
        children.last_done_at

    from children

    inner join {{ ref('dim_work_items') }} as epics
        on children.work_item_key = epics.work_item_key and epics.is_current

    inner join {{ ref('fct_work_item_flows') }} as flows
        on children.work_item_key = flows.work_item_key

    left join forecasts
        on children.epic_children_key = forecasts.epic_children_key

)

select * from final

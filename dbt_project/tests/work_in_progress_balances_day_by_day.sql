with

days as (

    select
        *,
        lag(wip_eod, 1, 0) over (
            partition by value_stream_key, workflow, level, work_type, stage_key
            order by date_day
        ) as wip_before,
        lag(date_day) over (
            partition by value_stream_key, workflow, level, work_type, stage_key
            order by date_day
        ) as day_before

    from {{ ref('fct_daily_flows') }}

)

select daily_flow_key

from days

where
    (flow_state not in ('done', 'cancelled') and wip_eod <> wip_before + arrivals - departures)
    or (flow_state in ('done', 'cancelled') and wip_eod <> 0)
    or wip_eod < 0
    or blocked_wip < 0
    or blocked_wip > wip_eod
    or day_before < date_day - interval '1' day

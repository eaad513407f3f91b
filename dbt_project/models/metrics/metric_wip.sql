with

daily_flows as (

    select
        value_stream_key,
        workflow,
        level,
        stage_key,
        stage,
        flow_state,
        date_day,
        sum(wip_eod) as wip_eod,
        sum(started_wip) as wip_items,
        sum(wip_s) as wip_s,
        sum(arrivals) as arrivals,
        sum(departures) as departures,
        sum(queue_len) as queue_len,
        sum(blocked_wip) as blocked_wip,
        sum(age_sum_s) as age_sum_s

    from {{ ref('fct_daily_flows') }}

    where flow_state not in ('done', 'cancelled')

    group by 1, 2, 3, 4, 5, 6, 7

),

value_streams as (

    select
        value_stream_key,
        time_zone,
        cast({{ local_time(as_of(), 'time_zone') }} as date) as last_day

    from {{ ref('dim_value_streams') }}

),

limits as (

    select * from {{ ref('dim_wip_limits') }}

),

final as (

    select
        daily_flows.value_stream_key || '|' || daily_flows.level || '|' || daily_flows.stage_key
        || '|' || cast(daily_flows.date_day as varchar) as metric_wip_key,
        daily_flows.value_stream_key,
        daily_flows.workflow,
        daily_flows.level,
        daily_flows.stage_key,
        daily_flows.stage,
        daily_flows.flow_state,
        value_streams.time_zone,
        cast(daily_flows.wip_eod as bigint) as wip_eod,
        cast(
            case when daily_flows.flow_state = 'new' then daily_flows.wip_eod else 0 end as bigint
        ) as backlog_items,
        cast(
            case when daily_flows.flow_state = 'new' then 0 else daily_flows.wip_eod end as bigint
        ) as in_flow_items,
        cast(daily_flows.wip_items as bigint) as wip_items,
        cast(daily_flows.wip_s as bigint) as wip_s,
        cast(daily_flows.arrivals as bigint) as arrivals,
        cast(daily_flows.departures as bigint) as departures,
        cast(daily_flows.queue_len as bigint) as queue_len,
        cast(daily_flows.blocked_wip as bigint) as blocked_wip,
        cast(daily_flows.age_sum_s as bigint) as age_sum_s,
        limits.wip_limit,
        daily_flows.wip_eod > limits.wip_limit as is_breach,
        daily_flows.date_day < value_streams.last_day as is_complete_period,
        daily_flows.date_day

    from daily_flows

    inner join value_streams
        on daily_flows.value_stream_key = value_streams.value_stream_key

    left join limits
        on
            daily_flows.value_stream_key = limits.value_stream_key
            and daily_flows.level = limits.level
            and daily_flows.stage_key = limits.stage_key
            and daily_flows.date_day >= coalesce(limits.valid_from, date '0001-01-01')
            and daily_flows.date_day < coalesce(limits.valid_to, date '9999-12-31')

)

select * from final

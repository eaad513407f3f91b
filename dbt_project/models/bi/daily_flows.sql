with

final as (

    select
        facts.daily_flow_key,
        facts.value_stream_key,
        streams.name as value_stream,
        facts.workflow,
        facts.level,
        facts.work_type,
        facts.stage_key,
        stages.ordinal as stage_ordinal,
        stages.value_class,
        facts.stage,
        facts.flow_state,
        facts.wip_eod,
        {{ days_of('facts.wip_s') }} as wip_days,
        facts.arrivals,
        facts.departures,
        facts.started_wip,
        facts.blocked_wip,
        facts.queue_len,
        {{ days_of('facts.age_sum_s') }} as age_sum_days,
        facts.date_day

    from {{ ref('fct_daily_flows') }} as facts

    left join {{ ref('dim_value_streams') }} as streams
        on facts.value_stream_key = streams.value_stream_key

    left join {{ ref('dim_stages') }} as stages
        on facts.stage_key = stages.stage_key

)

select * from final

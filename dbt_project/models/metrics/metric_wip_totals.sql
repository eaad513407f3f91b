with

stages as (

    select * from {{ ref('metric_wip') }}

),

final as (

    select
        value_stream_key || '|' || workflow || '|' || level || '|' || cast(date_day as varchar)
            as metric_wip_total_key,
        value_stream_key,
        workflow,
        level,
        time_zone,
        cast(sum(wip_eod) as bigint) as open_items,
        cast(sum(backlog_items) as bigint) as backlog_items,
        cast(sum(in_flow_items) as bigint) as in_flow_items,
        cast(sum(case when flow_state <> 'new' then queue_len else 0 end) as bigint)
            as waiting_items,
        cast(sum(case when flow_state = 'active' then wip_eod - blocked_wip else 0 end) as bigint)
            as worked_on_items,
        cast(sum(wip_items) as bigint) as wip_items,
        cast(sum(blocked_wip) as bigint) as blocked_items,
        cast(sum(case when flow_state <> 'new' then wip_s else 0 end) as bigint) as in_flow_s,
        cast(sum(age_sum_s) as bigint) as age_sum_s,
        is_complete_period,
        date_day

    from stages

    group by value_stream_key, workflow, level, time_zone, is_complete_period, date_day

)

select * from final

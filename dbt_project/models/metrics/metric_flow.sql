with

periods as (

    select * from {{ ref('metric_flow_periods') }}
    where period = 'week' and team_key = 'all'

),

final as (

    select
        value_stream_key || '|' || workflow || '|' || level || '|' || work_type || '|'
        || cast(period_start as varchar) as metric_flow_key,
        value_stream_key,
        workflow,
        level,
        work_type,
        velocity,
        earlier_finishes,
        n,
        flow_time_p50_s,
        flow_time_p85_s,
        flow_time_p95_s,
        active_s,
        wait_s,
        flow_efficiency_share,
        load,
        distribution_share,
        is_complete_period,
        period_start as week_start

    from periods

)

select * from final

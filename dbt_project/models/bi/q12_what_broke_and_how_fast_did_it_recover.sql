with

incidents as (

    select
        facts.service_key,
        cast(
            date_trunc('month', {{ local_time('facts.opened_at', 'streams.time_zone') }}) as date
        ) as month_start,
        items.item_key,
        facts.time_to_resolve_s

    from {{ ref('fct_incidents') }} as facts

    inner join {{ ref('dim_work_items') }} as items
        on facts.work_item_key = items.work_item_key and items.is_current

    inner join {{ ref('dim_services') }} as services
        on facts.service_key = services.service_key

    inner join {{ ref('dim_value_streams') }} as streams
        on services.value_stream_key = streams.value_stream_key

),

numbered as (

    select
        service_key,
        month_start,
        item_key,
        {{ days_of('time_to_resolve_s') }} as days,
        row_number() over (
            partition by service_key, month_start
            order by time_to_resolve_s desc nulls last, item_key
        ) as row_num

    from incidents

),

restored as (

    select
        service_key,
        month_start,
        count(*) as incidents,
        count(days) as resolved_incidents,
        avg(days) as mean_time_to_restore_days,
        {{ first_five('item_key', 'row_num') }} as evidence_items

    from numbered

    group by 1, 2

),

final as (

    select
        services.name as service,
        streams.name as value_stream,
        dora.period_start as month_start,
        dora.deployments as n,
        {{ days_of('dora.lead_time_p50_s') }} as lead_time_p50_days,
        {{ days_of('dora.lead_time_p85_s') }} as lead_time_p85_days,
        dora.changes,
        dora.lead_time_coverage_share,
        dora.failed_deployments,
        dora.change_fail_share,
        {{ share_interval('dora.failed_deployments', 'dora.deployments', 'low') }}
            as change_fail_low_share,
        {{ share_interval('dora.failed_deployments', 'dora.deployments', 'high') }}
            as change_fail_high_share,
        dora.assumed_failed_deployments,
        dora.recovered_deployments,
        {{ days_of('dora.recovery_time_p50_s') }} as recovery_time_p50_days,
        dora.deployment_rework_share,
        coalesce(restored.incidents, 0) as incidents,
        coalesce(restored.resolved_incidents, 0) as resolved_incidents,
        restored.mean_time_to_restore_days,
        restored.evidence_items,
        dora.is_history_known,
        dora.is_complete_period

    from {{ ref('metric_dora') }} as dora

    inner join {{ ref('dim_services') }} as services
        on dora.service_key = services.service_key

    inner join {{ ref('dim_value_streams') }} as streams
        on services.value_stream_key = streams.value_stream_key

    left join restored
        on dora.service_key = restored.service_key and dora.period_start = restored.month_start

)

select * from final

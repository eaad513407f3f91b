with

final as (

    select
        facts.work_item_key,
        items.item_key,
        items.item_url,
        facts.work_item_version_key,
        facts.service_key,
        services.name as service,
        facts.severity,
        facts.priority,
        facts.reassignment_count,
        facts.source_reassignment_count,
        facts.reopen_count,
        facts.source_reopen_count,
        {{ days_of('facts.time_to_acknowledge_s') }} as time_to_acknowledge_days,
        {{ days_of('facts.time_to_resolve_s') }} as time_to_resolve_days,
        facts.made_sla,
        facts.opened_at,
        facts.acknowledged_at,
        facts.resolved_at,
        facts.closed_at,
        facts.sla_missed_at,
        items.item_kind,
        items.scope,
        items.raw_type,
        items.work_type,
        items.level,
        items.workflow,
        streams.name as value_stream,
        items.value_stream_key,
        teams.name as team,
        items.team_key,
        parents.item_key as parent_item,
        items.points,
        items.current_status,
        items.source_system,
        items.is_deleted

    from {{ ref('fct_incidents') }} as facts

    left join {{ ref('dim_work_items') }} as items
        on
            facts.work_item_key = items.work_item_key
            and items.is_current

    left join {{ ref('dim_services') }} as services
        on facts.service_key = services.service_key

    left join {{ ref('dim_value_streams') }} as streams
        on items.value_stream_key = streams.value_stream_key

    left join {{ ref('dim_teams') }} as teams
        on items.team_key = teams.team_key

    left join {{ ref('dim_work_items') }} as parents
        on
            items.parent_work_item_key = parents.work_item_key
            and parents.is_current

)

select * from final

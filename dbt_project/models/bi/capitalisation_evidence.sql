with

final as (

    select
        facts.capitalisation_evidence_key,
        items.item_key,
        items.item_url,
        facts.work_item_key,
        facts.work_item_version_key,
        facts.level,
        facts.work_type,
        {{ days_of('facts.active_s') }} as active_days,
        facts.item_count,
        facts.committed_stage_transition_key,
        facts.first_release_deployment_key,
        facts.committed_at,
        facts.first_scope_at,
        facts.last_scope_at,
        facts.first_release_at,
        facts.month_start,
        items.item_kind,
        items.scope,
        items.raw_type,
        items.workflow,
        streams.name as value_stream,
        items.value_stream_key,
        teams.name as team,
        items.team_key,
        services.name as service,
        items.service_key,
        parents.item_key as parent_item,
        items.priority,
        items.points,
        items.current_status,
        items.source_system,
        items.is_deleted

    from {{ ref('fct_capitalisation_evidence') }} as facts

    left join {{ ref('dim_work_items') }} as items
        on
            facts.work_item_key = items.work_item_key
            and items.is_current

    left join {{ ref('dim_value_streams') }} as streams
        on items.value_stream_key = streams.value_stream_key

    left join {{ ref('dim_teams') }} as teams
        on items.team_key = teams.team_key

    left join {{ ref('dim_services') }} as services
        on items.service_key = services.service_key

    left join {{ ref('dim_work_items') }} as parents
        on
            items.parent_work_item_key = parents.work_item_key
            and parents.is_current

)

select * from final

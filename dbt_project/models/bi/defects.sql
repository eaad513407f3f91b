with

final as (

    select
        facts.work_item_key,
        items.item_key,
        items.item_url,
        facts.work_item_version_key,
        facts.source_system,
        facts.value_stream_key,
        streams.name as value_stream,
        facts.level,
        facts.priority,
        facts.detection_method,
        facts.detection_confidence,
        facts.environment_key,
        environments.name as environment,
        environments.is_production,
        facts.is_escaped,
        facts.incident_work_item_key,
        incidents.item_key as incident,
        facts.release_key,
        releases.name as release,
        facts.deployment_key,
        facts.cohort_method,
        facts.cohort_on,
        facts.found_on,
        facts.days_after_release,
        facts.is_withdrawn,
        items.item_kind,
        items.scope,
        items.raw_type,
        items.work_type,
        items.workflow,
        teams.name as team,
        items.team_key,
        services.name as service,
        items.service_key,
        parents.item_key as parent_item,
        items.points,
        items.current_status,
        items.is_deleted

    from {{ ref('fct_defects') }} as facts

    left join {{ ref('dim_work_items') }} as items
        on
            facts.work_item_key = items.work_item_key
            and items.is_current

    left join {{ ref('dim_value_streams') }} as streams
        on facts.value_stream_key = streams.value_stream_key

    left join {{ ref('dim_environments') }} as environments
        on facts.environment_key = environments.environment_key

    left join {{ ref('dim_work_items') }} as incidents
        on
            facts.incident_work_item_key = incidents.work_item_key
            and incidents.is_current

    left join {{ ref('dim_releases') }} as releases
        on facts.release_key = releases.release_key

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

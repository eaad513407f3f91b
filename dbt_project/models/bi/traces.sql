with

final as (

    select
        facts.work_item_key,
        items.item_key,
        items.item_url,
        facts.work_item_version_key,
        facts.idea_work_item_key,
        ideas.item_key as idea_item,
        facts.change_method,
        facts.deployment_method,
        {{ days_of('facts.ideation_s') }} as ideation_days,
        {{ days_of('facts.integration_s') }} as integration_days,
        {{ days_of('facts.verification_s') }} as verification_days,
        {{ days_of('facts.delivery_s') }} as delivery_days,
        {{ days_of('facts.observation_s') }} as observation_days,
        facts.change_count,
        facts.deployment_count,
        facts.has_demand,
        facts.is_complete,
        facts.missing_links,
        facts.backward_phases,
        facts.idea_at,
        facts.first_commit_at,
        facts.opened_at,
        facts.merged_at,
        facts.built_at,
        facts.deployed_at,
        facts.first_incident_at,
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
        services.name as service,
        items.service_key,
        parents.item_key as parent_item,
        items.priority,
        items.points,
        items.current_status,
        items.source_system,
        items.is_deleted

    from {{ ref('fct_traces') }} as facts

    left join {{ ref('dim_work_items') }} as items
        on
            facts.work_item_key = items.work_item_key
            and items.is_current

    left join {{ ref('dim_work_items') }} as ideas
        on
            facts.idea_work_item_key = ideas.work_item_key
            and ideas.is_current

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

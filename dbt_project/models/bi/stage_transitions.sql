with

final as (

    select
        facts.stage_transition_key,
        items.item_key,
        items.item_url,
        facts.work_item_key,
        facts.work_item_version_key,
        facts.transition_seq,
        facts.attempt_no,
        facts.workflow,
        facts.from_stage,
        facts.to_stage,
        facts.to_status,
        facts.resolution,
        facts.map_version,
        facts.direction,
        facts.from_team_key,
        from_teams.name as from_team,
        facts.to_team_key,
        to_teams.name as to_team,
        facts.is_handover,
        facts.is_rework,
        facts.changed_at,
        items.item_kind,
        items.scope,
        items.raw_type,
        items.work_type,
        items.level,
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

    from {{ ref('fct_stage_transitions') }} as facts

    left join {{ ref('dim_work_items') }} as items
        on
            facts.work_item_key = items.work_item_key
            and items.is_current

    left join {{ ref('dim_teams') }} as from_teams
        on facts.from_team_key = from_teams.team_key

    left join {{ ref('dim_teams') }} as to_teams
        on facts.to_team_key = to_teams.team_key

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

with

final as (

    select
        facts.group_stay_key,
        items.item_key,
        items.item_url,
        facts.work_item_key,
        facts.work_item_version_key,
        facts.value_stream_key,
        streams.name as value_stream,
        facts.workflow,
        facts.level,
        facts.work_type,
        facts.time_zone,
        facts.stage_key,
        stages.ordinal as stage_ordinal,
        stages.value_class,
        facts.stage,
        facts.flow_state,
        facts.transition_seq,
        facts.attempt_no,
        facts.is_wip,
        facts.entered_at,
        facts.exited_at,
        facts.aging_since_at,
        items.item_kind,
        items.scope,
        items.raw_type,
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

    from {{ ref('fct_group_stays') }} as facts

    left join {{ ref('dim_work_items') }} as items
        on
            facts.work_item_key = items.work_item_key
            and items.is_current

    left join {{ ref('dim_value_streams') }} as streams
        on facts.value_stream_key = streams.value_stream_key

    left join {{ ref('dim_stages') }} as stages
        on facts.stage_key = stages.stage_key

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

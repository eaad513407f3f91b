with

final as (

    select
        facts.stage_visit_key,
        items.item_key,
        items.item_url,
        facts.work_item_key,
        facts.work_item_version_key,
        facts.visit_seq,
        facts.attempt_no,
        facts.stage_key,
        stages.ordinal as stage_ordinal,
        stages.value_class,
        facts.stage,
        facts.flow_state,
        facts.map_version,
        facts.visit_no,
        {{ days_of('facts.elapsed_s') }} as elapsed_days,
        {{ hours_of('facts.business_s') }} as business_hours,
        {{ days_of('facts.active_s') }} as active_days,
        {{ days_of('facts.wait_s') }} as wait_days,
        {{ days_of('facts.blocked_s') }} as blocked_days,
        {{ hours_of('facts.active_business_s') }} as active_business_hours,
        {{ hours_of('facts.wait_business_s') }} as wait_business_hours,
        facts.is_open,
        facts.is_terminal,
        facts.is_rework,
        facts.entered_at,
        facts.exited_at,
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

    from {{ ref('fct_stage_visits') }} as facts

    left join {{ ref('dim_work_items') }} as items
        on
            facts.work_item_key = items.work_item_key
            and items.is_current

    left join {{ ref('dim_stages') }} as stages
        on facts.stage_key = stages.stage_key

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

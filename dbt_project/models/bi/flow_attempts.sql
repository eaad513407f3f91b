with

final as (

    select
        facts.flow_attempt_key,
        items.item_key,
        items.item_url,
        facts.work_item_key,
        facts.work_item_version_key,
        facts.attempt_no,
        facts.outcome,
        facts.is_latest,
        {{ days_of('facts.start_to_done_s') }} as start_to_done_days,
        {{ hours_of('facts.start_to_done_business_s') }} as start_to_done_business_hours,
        {{ days_of('facts.in_flow_s') }} as in_flow_days,
        {{ days_of('facts.active_s') }} as active_days,
        {{ days_of('facts.wait_s') }} as wait_days,
        {{ days_of('facts.rework_s') }} as rework_days,
        facts.begins_at,
        facts.started_at,
        facts.aging_since_at,
        facts.last_done_at,
        facts.earlier_finish_at,
        facts.ended_at,
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

    from {{ ref('fct_flow_attempts') }} as facts

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

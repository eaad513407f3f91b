with

final as (

    select
        facts.work_item_key,
        items.item_key,
        items.item_url,
        facts.work_item_version_key,
        facts.outcome,
        facts.history_quality,
        facts.history_source,
        {{ days_of('facts.history_precision_s') }} as history_precision_days,
        {{ days_of('facts.created_to_done_s') }} as created_to_done_days,
        {{ hours_of('facts.created_to_done_business_s') }} as created_to_done_business_hours,
        {{ days_of('facts.start_to_done_s') }} as start_to_done_days,
        {{ hours_of('facts.start_to_done_business_s') }} as start_to_done_business_hours,
        {{ days_of('facts.last_pass_s') }} as last_pass_days,
        {{ days_of('facts.idea_to_value_s') }} as idea_to_value_days,
        {{ days_of('facts.first_commit_to_done_s') }} as first_commit_to_done_days,
        {{ days_of('facts.in_flow_s') }} as in_flow_days,
        {{ hours_of('facts.in_flow_business_s') }} as in_flow_business_hours,
        {{ days_of('facts.active_s') }} as active_days,
        {{ hours_of('facts.active_business_s') }} as active_business_hours,
        {{ days_of('facts.wait_s') }} as wait_days,
        {{ hours_of('facts.wait_business_s') }} as wait_business_hours,
        {{ days_of('facts.blocked_s') }} as blocked_days,
        {{ days_of('facts.rework_s') }} as rework_days,
        {{ days_of('facts.done_gap_s') }} as done_gap_days,
        {{ days_of('facts.children_in_flow_s') }} as children_in_flow_days,
        facts.child_count,
        facts.visit_count,
        facts.backward_count,
        facts.reopen_count,
        facts.handover_count,
        facts.attempt_count,
        {{ days_of('facts.age_s') }} as age_days,
        {{ days_of('facts.fe_numerator_s') }} as fe_numerator_days,
        {{ days_of('facts.fe_denominator_s') }} as fe_denominator_days,
        facts.flow_efficiency_share,
        facts.has_modelled_waits,
        facts.is_started_at_creation,
        facts.is_cancelled_after_start,
        facts.is_finish_withdrawn,
        facts.is_bulk_moved,
        facts.idea_at,
        facts.created_at,
        facts.committed_at,
        facts.started_at,
        facts.ready_at,
        facts.first_done_at,
        facts.last_done_at,
        facts.cancelled_at,
        facts.deleted_at,
        facts.first_commit_at,
        facts.deployed_at,
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

    from {{ ref('fct_work_item_flows') }} as facts

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

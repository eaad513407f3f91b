with

final as (

    select
        facts.change_key,
        items.item_key,
        items.item_url,
        facts.kind,
        facts.source_system,
        facts.repository,
        facts.service_key,
        services.name as service,
        facts.merge_commit_sha,
        people.actor_type as author_type,
        facts.additions,
        facts.deletions,
        {{ days_of('facts.coding_s') }} as coding_days,
        {{ days_of('facts.pickup_s') }} as pickup_days,
        {{ days_of('facts.review_s') }} as review_days,
        {{ days_of('facts.merge_to_deploy_s') }} as merge_to_deploy_days,
        facts.ai_assistance,
        facts.ai_method,
        facts.ai_confidence,
        facts.is_revert,
        facts.is_hotfix,
        facts.is_written_before_repository,
        facts.is_behind_first_deployment,
        facts.is_coded_after_opening,
        facts.is_reviewed_before_ready,
        facts.is_reviewed_after_merge,
        facts.first_commit_at,
        facts.opened_at,
        facts.ready_at,
        facts.first_review_at,
        facts.approved_at,
        facts.merged_at,
        facts.closed_at,
        facts.deployed_at,
        teams.name as team,
        services.team_key,
        streams.name as value_stream,
        services.value_stream_key

    from {{ ref('fct_changes') }} as facts

    left join {{ ref('dim_work_items') }} as items
        on
            facts.change_key = items.work_item_key
            and items.is_current

    left join {{ ref('dim_services') }} as services
        on facts.service_key = services.service_key

    left join {{ ref('dim_people') }} as people
        on facts.author_key = people.person_key

    left join {{ ref('dim_teams') }} as teams
        on services.team_key = teams.team_key

    left join {{ ref('dim_value_streams') }} as streams
        on services.value_stream_key = streams.value_stream_key

)

select * from final

with

final as (

    select
        facts.change_key_project_key,
        facts.source_system,
        facts.change_key,
        pulls.item_key as change_item_key,
        changes.repository,
        facts.key_project,
        facts.named_keys,
        facts.keys_without_item,
        services.name as service,
        changes.service_key,
        teams.name as team,
        services.team_key,
        streams.name as value_stream,
        services.value_stream_key

    from {{ ref('fct_change_keys') }} as facts

    left join {{ ref('fct_changes') }} as changes
        on facts.change_key = changes.change_key

    left join {{ ref('dim_services') }} as services
        on changes.service_key = services.service_key

    left join {{ ref('dim_work_items') }} as pulls
        on
            facts.change_key = pulls.work_item_key
            and pulls.is_current

    left join {{ ref('dim_teams') }} as teams
        on services.team_key = teams.team_key

    left join {{ ref('dim_value_streams') }} as streams
        on services.value_stream_key = streams.value_stream_key

)

select * from final

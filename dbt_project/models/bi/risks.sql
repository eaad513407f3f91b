with

final as (

    select
        facts.risk_assessment_key,
        streams.name as value_stream,
        facts.value_stream_key,
        facts.named_value_stream,
        facts.risk,
        facts.name,
        facts.category,
        facts.assessed_on,
        facts.likelihood,
        facts.impact,
        facts.exposure,
        facts.status,
        facts.response,
        items.item_key,
        items.item_url,
        facts.work_item_key,
        facts.work_item_version_key,
        facts.named_item,
        teams.name as owner_team,
        facts.owner_team_key,
        facts.named_team,
        facts.due_on,
        facts.is_latest,
        facts.is_open

    from {{ ref('fct_risks') }} as facts

    left join {{ ref('dim_work_items') }} as items
        on
            facts.work_item_key = items.work_item_key
            and items.is_current

    left join {{ ref('dim_value_streams') }} as streams
        on facts.value_stream_key = streams.value_stream_key

    left join {{ ref('dim_teams') }} as teams
        on facts.owner_team_key = teams.team_key

)

select * from final

with

final as (

    select
        facts.experiment_key,
        streams.name as value_stream,
        facts.value_stream_key,
        facts.named_value_stream,
        facts.hypothesis,
        facts.measure,
        facts.better,
        facts.expected_delta,
        facts.observed_delta,
        items.item_key,
        items.item_url,
        facts.work_item_key,
        facts.work_item_version_key,
        facts.named_item,
        teams.name as owner_team,
        facts.owner_team_key,
        facts.named_team,
        facts.conceived_on,
        facts.idea_on,
        facts.released_on,
        facts.first_use_on,
        facts.due_on,
        facts.learned_on,
        facts.verdict,
        facts.decided_on,
        facts.decision,
        facts.idea_to_release_days,
        facts.idea_to_first_use_days,
        facts.idea_to_learned_days,
        facts.idea_to_decided_days,
        facts.is_overdue

    from {{ ref('fct_experiments') }} as facts

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

with

final as (

    select
        facts.team_capacity_key,
        teams.name as team,
        facts.team_key,
        streams.name as value_stream,
        teams.value_stream_key,
        facts.named_team,
        facts.role,
        facts.week_start,
        facts.available_hours

    from {{ ref('fct_team_capacities') }} as facts

    left join {{ ref('dim_teams') }} as teams
        on facts.team_key = teams.team_key

    left join {{ ref('dim_value_streams') }} as streams
        on teams.value_stream_key = streams.value_stream_key

)

select * from final

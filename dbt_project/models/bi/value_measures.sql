with

final as (

    select
        facts.value_measure_key,
        streams.name as value_stream,
        facts.value_stream_key,
        facts.named_value_stream,
        facts.measure,
        facts.measured_on,
        facts.value,
        facts.kind,
        facts.unit,
        facts.better,
        facts.measured_by,
        teams.name as owner_team,
        facts.owner_team_key,
        facts.named_team

    from {{ ref('fct_value_measures') }} as facts

    left join {{ ref('dim_value_streams') }} as streams
        on facts.value_stream_key = streams.value_stream_key

    left join {{ ref('dim_teams') }} as teams
        on facts.owner_team_key = teams.team_key

)

select * from final

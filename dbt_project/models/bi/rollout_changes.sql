with

final as (

    select
        facts.rollout_change_key,
        facts.rollout_key,
        facts.change_key,
        facts.service_key,
        services.name as service,
        {{ days_of('facts.lead_time_s') }} as lead_time_days,
        facts.finished_date,
        teams.name as team,
        services.team_key,
        streams.name as value_stream,
        services.value_stream_key

    from {{ ref('fct_rollout_changes') }} as facts

    left join {{ ref('dim_services') }} as services
        on facts.service_key = services.service_key

    left join {{ ref('dim_teams') }} as teams
        on services.team_key = teams.team_key

    left join {{ ref('dim_value_streams') }} as streams
        on services.value_stream_key = streams.value_stream_key

)

select * from final

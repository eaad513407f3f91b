with

final as (

    select
        facts.rollout_key,
        facts.release_deployment_key,
        facts.service_key,
        services.name as service,
        {{ days_of('facts.recovery_s') }} as recovery_days,
        facts.is_commit_known,
        facts.is_failed,
        facts.is_assumed_failed,
        facts.is_rework,
        facts.finished_at,
        facts.finished_date,
        teams.name as team,
        services.team_key,
        streams.name as value_stream,
        services.value_stream_key

    from {{ ref('fct_rollouts') }} as facts

    left join {{ ref('dim_services') }} as services
        on facts.service_key = services.service_key

    left join {{ ref('dim_teams') }} as teams
        on services.team_key = teams.team_key

    left join {{ ref('dim_value_streams') }} as streams
        on services.value_stream_key = streams.value_stream_key

)

select * from final

with

final as (

    select
        facts.deployment_key,
        facts.source_system,
        facts.repository,
        facts.service_key,
        services.name as service,
        facts.environment_key,
        environments.name as environment,
        facts.raw_environment,
        facts.sha,
        facts.result,
        facts.previous_deployment_key,
        facts.release_deployment_key,
        facts.change_request_key,
        requests.item_key as change_request,
        facts.change_request_method,
        people.actor_type as deployer_type,
        facts.failure_method,
        facts.incident_count,
        facts.is_production,
        facts.is_repeat,
        facts.is_retried,
        facts.is_commit_known,
        facts.is_first_of_repository,
        facts.is_rollback,
        facts.is_hotfix,
        facts.is_failed,
        facts.is_assumed_failed,
        facts.started_at,
        facts.finished_at,
        facts.recovered_at,
        teams.name as team,
        services.team_key,
        streams.name as value_stream,
        services.value_stream_key

    from {{ ref('fct_deployments') }} as facts

    left join {{ ref('dim_services') }} as services
        on facts.service_key = services.service_key

    left join {{ ref('dim_environments') }} as environments
        on facts.environment_key = environments.environment_key

    left join {{ ref('dim_work_items') }} as requests
        on
            facts.change_request_key = requests.work_item_key
            and requests.is_current

    left join {{ ref('dim_people') }} as people
        on facts.deployer_key = people.person_key

    left join {{ ref('dim_teams') }} as teams
        on services.team_key = teams.team_key

    left join {{ ref('dim_value_streams') }} as streams
        on services.value_stream_key = streams.value_stream_key

)

select * from final

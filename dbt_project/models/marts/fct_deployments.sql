with

deployments as (

    select * from {{ ref('int_deployments_unioned') }}

),

environments as (

    select * from {{ ref('environments') }}

),

scopes as (

    select * from {{ ref('scopes') }}

),

matched as (

    select
        deployments.deployment_key,
        environments.environment_key,
        environments.is_production,
        row_number() over (
            partition by deployments.deployment_key
            order by length(environments.pattern) desc, environments.pattern
        ) as place

    from deployments

    inner join environments
        on
            deployments.source_system = environments.source_system
            and lower(deployments.raw_environment) like environments.pattern

),

described as (

    select
        deployments.*,
        coalesce(scopes.service_key, 'unassigned') as service_key,
        coalesce(matched.environment_key, 'unmapped') as environment_key,
        coalesce(matched.is_production, false) as is_production

    from deployments

    left join scopes
        on
            deployments.source_system = scopes.source_system
            and deployments.scope = scopes.scope
            and {{ valid_at('scopes', 'deployments.started_at') }}

    left join matched
        on deployments.deployment_key = matched.deployment_key and matched.place = 1

),

successes as (

    select
        deployment_key,
        lag(deployment_key) over in_order as previous_deployment_key,
        lag(sha) over in_order as previous_sha,
        min(finished_at) over (
            partition by repository, environment_key, raw_environment, sha
        ) as first_of_sha_at

    from described

    where result = 'success'

    window in_order as (
        partition by repository, environment_key, raw_environment
        order by finished_at, deployment_key
    )

),

final as (

    select
        described.deployment_key,
        described.source_system,
        described.repository,
        described.service_key,
        described.environment_key,
        described.raw_environment,
        described.sha,
        described.result,
        successes.previous_deployment_key,
        described.is_production,
        -- A commit that ran here before and comes back after another one takes that one back.
        coalesce(
            successes.first_of_sha_at < described.finished_at
            and successes.previous_sha <> described.sha,
            false
        ) as is_rollback,
        described.started_at,
        described.finished_at

    from described

    left join successes
        on described.deployment_key = successes.deployment_key

)

select * from final

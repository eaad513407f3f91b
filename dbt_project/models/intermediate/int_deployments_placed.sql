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

-- A change names its deployment by the id that the tool gave it; an id of two tools names none.
named as (

    select
        change_requests.work_item_key as change_request_key,
        max(deployments.deployment_key) as deployment_key,
        min(change_requests.requested_at) as requested_at

    from {{ ref('int_change_requests_described') }} as change_requests

    inner join deployments
        on change_requests.correlation_id = deployments.deployment_id

    group by 1

    having count(*) = 1

),

change_requests as (

    select
        deployment_key,
        change_request_key

    from (
        select
            *,
            row_number() over (
                partition by deployment_key
                order by requested_at, change_request_key
            ) as place
        from named
    ) as placed

    where place = 1

),

hotfixes as (

    select
        source_system,
        repository,
        merge_commit_sha

    from {{ ref('int_changes_unioned') }}

    where is_hotfix and merge_commit_sha is not null

    group by 1, 2, 3

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

rated as (

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
        change_requests.change_request_key,
        described.is_production,
        -- A commit that ran here before and comes back after another one takes that one back.
        coalesce(
            successes.first_of_sha_at < described.finished_at
            and successes.previous_sha <> described.sha,
            false
        ) as is_rollback,
        hotfixes.merge_commit_sha is not null as is_hotfix_commit,
        described.started_at,
        described.finished_at

    from described

    left join successes
        on described.deployment_key = successes.deployment_key

    left join change_requests
        on described.deployment_key = change_requests.deployment_key

    left join hotfixes
        on
            described.source_system = hotfixes.source_system
            and described.repository = hotfixes.repository
            and described.sha = hotfixes.merge_commit_sha

),

final as (

    select
        deployment_key,
        source_system,
        repository,
        service_key,
        environment_key,
        raw_environment,
        sha,
        result,
        previous_deployment_key,
        change_request_key,
        is_production,
        is_rollback,
        is_hotfix_commit and not is_rollback as is_hotfix,
        started_at,
        finished_at,
        -- The success that followed in the same place, of a failed deployment too.
        min(case when result = 'success' then finished_at end) over (
            partition by source_system, repository, environment_key, raw_environment
            order by finished_at, deployment_key
            rows between 1 following and unbounded following
        ) as next_success_at

    from rated

)

select * from final

with

deployments as (

    select * from {{ ref('stg_github__deployments') }}

),

-- GitHub dates a deployment anew when it becomes inactive: what counts is the first outcome.
outcomes as (

    select
        deployment_key,
        min(case when state = 'success' then created_at end) as first_success_at,
        min(case when state in ('failure', 'error') then created_at end) as first_failure_at,
        min(case when state in ('in_progress', 'queued', 'pending') then created_at end)
        as first_seen_at

    from {{ ref('stg_github__deployment_statuses') }}

    where created_at <= {{ as_of() }}

    group by 1

),

final as (

    select
        deployments.deployment_key,
        'github' as source_system,
        deployments.repository,
        deployments.repository as scope,
        coalesce(deployments.environment, 'unknown') as raw_environment,
        deployments.sha,
        case
            when outcomes.first_success_at is not null then 'success'
            when outcomes.first_failure_at is not null then 'failure'
            else 'running'
        end as result,
        coalesce(outcomes.first_seen_at, deployments.created_at) as started_at,
        coalesce(outcomes.first_success_at, outcomes.first_failure_at) as finished_at

    from deployments

    left join outcomes
        on deployments.deployment_key = outcomes.deployment_key

    where deployments.created_at <= {{ as_of() }}

)

select * from final

with

deployments as (

    select * from {{ ref('stg_github__deployments') }}

),

gitlab_deployments as (

    select * from {{ ref('stg_gitlab__deployments') }}
    where created_at <= {{ as_of() }}

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

-- Of two words on one deployment the later one counts.
told_deployments as (

    select
        producer,
        deployment_id,
        max(repository) as repository,
        max(service_name) as service_name,
        max(raw_environment) as raw_environment,
        max(head_sha) as head_sha,
        max(case when place = 1 then raw_result end) as raw_result,
        max(case when event_type = 'service.rolledback' then 1 else 0 end) = 1 as is_told_rollback,
        min(coalesce(started_at, occurred_at)) as started_at,
        max(case when place = 1 then coalesce(finished_at, occurred_at) end) as finished_at

    from (
        select
            *,
            row_number() over (
                partition by producer, deployment_id
                order by occurred_at desc, inbox_event_key
            ) as place
        from {{ ref('stg_inbox__events') }}
        where
            event_type in ('service.deployed', 'service.upgraded', 'service.rolledback')
            and occurred_at <= {{ as_of() }}
    ) as placed

    group by 1, 2

),

told_results as (

    select
        *,
        {{ inbox_result('raw_result') }} as result

    from told_deployments

),

inbox as (

    select
        'inbox:' || producer || ':' || deployment_id as deployment_key,
        deployment_id,
        'inbox' as source_system,
        coalesce(repository, service_name) as repository,
        coalesce(repository, service_name) as scope,
        coalesce(raw_environment, 'unknown') as raw_environment,
        head_sha as sha,
        -- That a service was deployed is told when it was, so no result is a success.
        case
            when raw_result is null then 'success'
            when result in ('error', 'timeout') then 'failure'
            when result = 'neutral' then 'unknown'
            else result
        end as result,
        is_told_rollback,
        least(started_at, finished_at) as started_at,
        finished_at

    from told_results

),

github as (

    select
        deployments.deployment_key,
        deployments.deployment_id,
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
        false as is_told_rollback,
        coalesce(outcomes.first_seen_at, deployments.created_at) as started_at,
        coalesce(outcomes.first_success_at, outcomes.first_failure_at) as finished_at

    from deployments

    left join outcomes
        on deployments.deployment_key = outcomes.deployment_key

    where deployments.created_at <= {{ as_of() }}

),

gitlab as (

    select
        deployment_key,
        deployment_id,
        'gitlab' as source_system,
        repository,
        repository as scope,
        coalesce(environment, 'unknown') as raw_environment,
        sha,
        case
            when finished_at > {{ as_of() }} then 'running'
            when status = 'success' then 'success'
            when status = 'failed' then 'failure'
            when status = 'canceled' then 'cancelled'
            when status = 'skipped' then 'skipped'
            when status in ('created', 'running', 'blocked') then 'running'
            else 'unknown'
        end as result,
        false as is_told_rollback,
        coalesce(started_at, created_at) as started_at,
        case
            when
                finished_at <= {{ as_of() }} and status not in ('created', 'running', 'blocked')
                then finished_at
        end as finished_at

    from gitlab_deployments

),

final as (

    select * from github
    union all
    select * from gitlab
    union all
    select * from inbox

)

select * from final

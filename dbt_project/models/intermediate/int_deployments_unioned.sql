with

deployments as (

    select * from {{ ref('stg_github__deployments') }}

),

gitlab_deployments as (

    select * from {{ ref('stg_gitlab__deployments') }}
    where created_at <= {{ as_of() }}

),

environments as (

    select * from {{ ref('stg_gitlab__environments') }}

),

runs as (

    select * from {{ ref('int_ci_runs_unioned') }}

),

jobs as (

    select * from {{ ref('int_ci_jobs_unioned') }}
    where not is_inherited

),

patterns as (

    select * from {{ ref('deployment_patterns') }}

),

-- GitHub dates a deployment anew when it becomes inactive: what counts is the first outcome.
outcomes as (

    select
        deployment_key,
        min(case when state = 'success' then created_at end) as first_success_at,
        min(case when state in ('failure', 'error') then created_at end) as first_failure_at,
        min(case when state in ('in_progress', 'queued', 'pending') then created_at end)
            as first_seen_at,
        min(case when state = 'in_progress' then created_at end) as first_running_at,
        min(case when state = 'waiting' then created_at end) as first_waiting_at,
        min(case when state = 'inactive' then created_at end) as first_inactive_at

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
        cast(null as varchar) as tier,
        head_sha as sha,
        cast(null as varchar) as deployer_key,
        cast(null as varchar) as deployer_type,
        -- That a service was deployed is told when it was, so no result is a success.
        case
            when raw_result is null then 'success'
            when result in ('error', 'timeout') then 'failure'
            when result = 'neutral' then 'unknown'
            else result
        end as result,
        is_told_rollback,
        false as is_by_pattern,
        false as is_by_run,
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
        -- That it is not production says nothing: GitHub takes that for granted.
        case
            when deployments.is_production then 'production'
            when deployments.is_transient then 'review'
        end as tier,
        deployments.sha,
        deployments.deployer_key,
        deployments.deployer_type,
        case
            when outcomes.first_success_at is not null then 'success'
            -- Nobody let it through, so it never ran.
            when
                outcomes.first_failure_at is not null
                and outcomes.first_waiting_at is not null
                and outcomes.first_running_at is null
                then 'skipped'
            when outcomes.first_failure_at is not null then 'failure'
            when outcomes.first_inactive_at is not null then 'unknown'
            else 'running'
        end as result,
        false as is_told_rollback,
        false as is_by_pattern,
        false as is_by_run,
        coalesce(outcomes.first_seen_at, deployments.created_at) as started_at,
        coalesce(outcomes.first_success_at, outcomes.first_failure_at) as finished_at

    from deployments

    left join outcomes
        on deployments.deployment_key = outcomes.deployment_key

    where deployments.created_at <= {{ as_of() }}

),

gitlab as (

    select
        deployments.deployment_key,
        deployments.deployment_id,
        'gitlab' as source_system,
        deployments.repository,
        deployments.repository as scope,
        coalesce(deployments.environment, 'unknown') as raw_environment,
        environments.raw_tier as tier,
        deployments.sha,
        deployments.deployer_key,
        deployments.deployer_type,
        case
            when finished_at > {{ as_of() }} then 'running'
            when status = 'success' then 'success'
            -- Its job never ran: nobody let it through, or what it needs was not there.
            when status = 'failed' and job_status is not null and started_at is null
                then 'skipped'
            when status = 'failed' then 'failure'
            when status = 'canceled' then 'cancelled'
            when status = 'skipped' then 'skipped'
            when status in ('created', 'running', 'blocked') then 'running'
            else 'unknown'
        end as result,
        false as is_told_rollback,
        false as is_by_pattern,
        false as is_by_run,
        coalesce(deployments.started_at, deployments.created_at) as started_at,
        case
            when
                finished_at <= {{ as_of() }} and status not in ('created', 'running', 'blocked')
                then finished_at
        end as finished_at

    from gitlab_deployments as deployments

    left join environments
        on deployments.environment_id = environments.environment_id

),

-- Who deploys by a job, a workflow or a release, and tells no deployment API: a seed says by which.
candidates as (

    select
        'release' as kind,
        'github:release:' || release_id as thing_key,
        release_id as thing_id,
        'github' as source_system,
        repository,
        repository as scope,
        coalesce(tag, 'unknown') as name,
        case when length(target) = 40 then target end as sha,
        'success' as result,
        published_at as started_at,
        published_at as finished_at

    from {{ ref('stg_github__releases') }}

    where not is_draft and not is_prerelease and published_at <= {{ as_of() }}

    union all

    select
        'pipeline' as kind,
        ci_run_key as thing_key,
        source_run_id as thing_id,
        source_system,
        repository,
        scope,
        pipeline as name,
        head_sha as sha,
        result,
        coalesce(started_at, queued_at) as started_at,
        finished_at

    from runs

    union all

    select
        'job' as kind,
        jobs.ci_job_key as thing_key,
        jobs.ci_job_key as thing_id,
        jobs.source_system,
        runs.repository,
        runs.scope,
        jobs.job as name,
        runs.head_sha as sha,
        jobs.result,
        coalesce(jobs.started_at, jobs.queued_at) as started_at,
        jobs.finished_at

    from jobs

    inner join runs
        on jobs.ci_run_key = runs.ci_run_key

),

by_pattern as (

    select
        'deployment:' || thing_key as deployment_key,
        thing_id as deployment_id,
        source_system,
        -- Its job stands for what has no repository.
        coalesce(repository, scope) as repository,
        scope,
        environment as raw_environment,
        cast(null as varchar) as tier,
        sha,
        cast(null as varchar) as deployer_key,
        cast(null as varchar) as deployer_type,
        case when result in ('timeout', 'error') then 'failure' else result end as result,
        false as is_told_rollback,
        true as is_by_pattern,
        kind <> 'release' as is_by_run,
        started_at,
        finished_at

    from (
        select
            candidates.*,
            patterns.environment,
            row_number() over (
                partition by candidates.thing_key
                order by length(patterns.pattern) desc, patterns.pattern
            ) as place

        from candidates

        inner join patterns
            on
                candidates.source_system = patterns.source_system
                and candidates.kind = patterns.kind
                and lower(candidates.name) like patterns.pattern

        where candidates.started_at <= {{ as_of() }} and candidates.result <> 'skipped'
    ) as fitting

    where place = 1

),

told as (

    select * from github
    union all
    select * from gitlab
    union all
    select * from inbox
    union all
    select * from by_pattern

),

-- What runs when another one that began later has succeeded in its place, or after 35 days, which
-- is the most that a job may take, does not run: nobody saw how it ended.
final as (

    select
        deployment_key,
        deployment_id,
        source_system,
        repository,
        scope,
        raw_environment,
        tier,
        sha,
        deployer_key,
        deployer_type,
        case
            when
                result = 'running'
                and (
                    {{ add_seconds('started_at', '35 * 86400') }} < {{ as_of() }}
                    or max(case when result = 'success' then started_at end) over (
                        partition by source_system, repository, raw_environment
                    ) > started_at
                )
                then 'unknown'
            else result
        end as result,
        is_told_rollback,
        is_by_pattern,
        is_by_run,
        started_at,
        finished_at

    from told

)

select * from final

with

github_deployments as (

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

-- A re-run of failed jobs lists the others again (is_inherited): they did not run a second time.
jobs as (

    select * from {{ ref('int_ci_jobs_unioned') }}
    where not is_inherited

),

patterns as (

    select * from {{ ref('deployment_patterns') }}

),

-- One row per GitHub deployment. GitHub adds a status `inactive` when another deployment replaces
-- it, so the latest status is not how it ended: the first success or failure is.
github_outcomes as (

    select
        deployment_key,
        min(case when state = 'success' then created_at end) as first_success_at,
        min(case when state in ('failure', 'error') then created_at end) as first_failure_at,
        min(case when state in ('in_progress', 'queued', 'pending') then created_at end)
            as first_queued_or_running_at,
        min(case when state = 'in_progress' then created_at end) as first_running_at,
        min(case when state = 'waiting' then created_at end) as first_waiting_at,
        min(case when state = 'inactive' then created_at end) as first_inactive_at

    from {{ ref('stg_github__deployment_statuses') }}

    where created_at <= {{ as_of() }}

    group by 1

),

-- One row per deployment of an inbox producer. Several events may be about one: it began at the
-- earliest time that they give, and its result and end are those of the latest event.
inbox_deployments as (

    select
        producer,
        deployment_id,
        max(repository) as repository,
        max(service_name) as service_name,
        max(raw_environment) as raw_environment,
        max(head_sha) as head_sha,
        max(case when recency_rank = 1 then raw_result end) as raw_result,
        max(case when event_type = 'service.rolledback' then 1 else 0 end) = 1 as is_told_rollback,
        min(coalesce(started_at, occurred_at)) as started_at,
        max(case when recency_rank = 1 then coalesce(finished_at, occurred_at) end) as finished_at

    from (
        select
            *,
            row_number() over (
                partition by producer, deployment_id
                order by occurred_at desc, inbox_event_key
            ) as recency_rank
        from {{ ref('stg_inbox__events') }}
        where
            event_type in ('service.deployed', 'service.upgraded', 'service.rolledback')
            and occurred_at <= {{ as_of() }}
    ) as ranked

    group by 1, 2

),

inbox_results as (

    select
        *,
        {{ inbox_result('raw_result') }} as result

    from inbox_deployments

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
        -- Producers send these events after a deployment took place: without a result it succeeded.
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

    from inbox_results

),

github as (

    select
        deployments.deployment_key,
        deployments.deployment_id,
        'github' as source_system,
        deployments.repository,
        deployments.repository as scope,
        coalesce(deployments.environment, 'unknown') as raw_environment,
        -- Only a true flag says something: false is GitHub's default, so it leaves the tier open.
        case
            when deployments.is_production then 'production'
            when deployments.is_transient then 'review'
        end as tier,
        deployments.sha,
        deployments.deployer_key,
        deployments.deployer_type,
        case
            when github_outcomes.first_success_at is not null then 'success'
            -- It waited for an approval and failed without ever running: it was not approved.
            when
                github_outcomes.first_failure_at is not null
                and github_outcomes.first_waiting_at is not null
                and github_outcomes.first_running_at is null
                then 'skipped'
            when github_outcomes.first_failure_at is not null then 'failure'
            when github_outcomes.first_inactive_at is not null then 'unknown'
            else 'running'
        end as result,
        false as is_told_rollback,
        false as is_by_pattern,
        false as is_by_run,
        coalesce(github_outcomes.first_queued_or_running_at, deployments.created_at) as started_at,
        coalesce(github_outcomes.first_success_at, github_outcomes.first_failure_at) as finished_at

    from github_deployments as deployments

    left join github_outcomes
        on deployments.deployment_key = github_outcomes.deployment_key

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
            -- Its job never started: it was not approved, or something that it needs was missing.
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

-- Releases, pipeline runs and jobs that may be deployments, for repositories that use no deployment
-- API. The seed `deployment_patterns` says by name which of them deploy, and to which environment.
candidates as (

    select
        'release' as kind,
        'github:release:' || release_id as candidate_key,
        release_id as candidate_id,
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
        ci_run_key as candidate_key,
        source_run_id as candidate_id,
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
        jobs.ci_job_key as candidate_key,
        jobs.ci_job_key as candidate_id,
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

-- One row per candidate whose name fits a pattern; of several patterns the longest one counts.
by_pattern as (

    select
        'deployment:' || candidate_key as deployment_key,
        candidate_id as deployment_id,
        source_system,
        -- A run may name no repository (a Jenkins job, for example): then its scope stands for it.
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
                partition by candidates.candidate_key
                order by length(patterns.pattern) desc, patterns.pattern
            ) as pattern_rank

        from candidates

        inner join patterns
            on
                candidates.source_system = patterns.source_system
                and candidates.kind = patterns.kind
                and lower(candidates.name) like patterns.pattern

        where candidates.started_at <= {{ as_of() }} and candidates.result <> 'skipped'
    ) as matches

    where pattern_rank = 1

),

unioned as (

    select * from github
    union all
    select * from gitlab
    union all
    select * from inbox
    union all
    select * from by_pattern

),

-- A deployment that still seems to run has ended unseen, so its result is not known, if a later one
-- has succeeded in the same environment of the repository, or after 35 days: GitHub lets no
-- workflow run last longer, and the other sources are held to the same limit.
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

    from unioned

)

select * from final

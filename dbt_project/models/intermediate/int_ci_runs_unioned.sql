with

workflow_runs as (

    select * from {{ ref('stg_github__workflow_runs') }}

),

jobs as (

    select
        ci_run_key,
        min(started_at) as first_started_at,
        max(completed_at) as last_completed_at

    from {{ ref('stg_github__jobs') }}

    group by 1

),

builds as (

    select * from {{ ref('stg_jenkins__builds') }}

),

pipelines as (

    select * from {{ ref('stg_gitlab__pipelines') }}

),

gitlab_jobs as (

    select
        ci_run_key,
        min(created_at) as first_created_at,
        min(started_at) as first_started_at,
        max(finished_at) as last_finished_at

    from {{ ref('stg_gitlab__jobs') }}

    group by 1

),

-- All pipelines of a project are told by one file; a child's is told by the job that started it.
parents as (

    select
        downstream_ci_run_key as ci_run_key,
        min(name) as name

    from {{ ref('stg_gitlab__bridges') }}

    where downstream_ci_run_key is not null

    group by 1

),

github as (

    select
        workflow_runs.ci_run_key,
        'github' as source_system,
        workflow_runs.run_id as source_run_id,
        workflow_runs.repository as scope,
        workflow_runs.repository,
        coalesce(workflow_runs.pipeline, 'unknown') as pipeline,
        workflow_runs.head_sha,
        workflow_runs.event,
        workflow_runs.run_attempt as attempt,
        coalesce(workflow_runs.conclusion, workflow_runs.status) as raw_result,
        case
            when workflow_runs.status <> 'completed' then 'running'
            when workflow_runs.conclusion in ('success', 'failure', 'cancelled', 'skipped', 'neutral')
                then workflow_runs.conclusion
            when workflow_runs.conclusion = 'timed_out' then 'timeout'
            when workflow_runs.conclusion in ('startup_failure', 'action_required') then 'error'
            else 'unknown'
        end as result,
        coalesce(workflow_runs.started_at, workflow_runs.created_at) as queued_at,
        jobs.first_started_at as started_at,
        case
            when workflow_runs.status = 'completed'
                then coalesce(jobs.last_completed_at, workflow_runs.updated_at)
        end as finished_at

    from workflow_runs

    left join jobs
        on workflow_runs.ci_run_key = jobs.ci_run_key

),

jenkins as (

    select
        ci_run_key,
        'jenkins' as source_system,
        pipeline || ':' || build_no as source_run_id,
        pipeline as scope,
        repository,
        pipeline,
        head_sha,
        event,
        cast(1 as bigint) as attempt,
        result as raw_result,
        case
            when is_building then 'running'
            when result = 'success' then 'success'
            when result in ('failure', 'unstable') then 'failure'
            when result = 'aborted' then 'cancelled'
            when result = 'not_built' then 'skipped'
            else 'unknown'
        end as result,
        case
            when queue_ms is not null
                then {{ add_seconds('started_at', '-cast(floor(queue_ms / 1000.0) as bigint)') }}
        end as queued_at,
        started_at,
        case
            when not is_building
                then {{ add_seconds('started_at', 'cast(floor(duration_ms / 1000.0) as bigint)') }}
        end as finished_at

    from builds

),

gitlab as (

    select
        pipelines.ci_run_key,
        'gitlab' as source_system,
        pipelines.pipeline_id as source_run_id,
        pipelines.repository as scope,
        pipelines.repository,
        coalesce(parents.name, '.gitlab-ci.yml') as pipeline,
        pipelines.head_sha,
        pipelines.event,
        cast(1 as bigint) as attempt,
        pipelines.status as raw_result,
        case
            when pipelines.status in ('success', 'skipped') then pipelines.status
            when pipelines.status = 'failed' then 'failure'
            when pipelines.status = 'canceled' then 'cancelled'
            when
                pipelines.status in (
                    'created', 'waiting_for_resource', 'waiting_for_callback', 'preparing',
                    'pending', 'running', 'canceling', 'scheduled', 'manual'
                )
                then 'running'
            else 'unknown'
        end as result,
        coalesce(pipelines.created_at, gitlab_jobs.first_created_at) as queued_at,
        coalesce(pipelines.started_at, gitlab_jobs.first_started_at) as started_at,
        case
            when pipelines.status in ('success', 'failed', 'canceled', 'skipped')
                then coalesce(
                    pipelines.finished_at, gitlab_jobs.last_finished_at, pipelines.updated_at
                )
        end as finished_at

    from pipelines

    left join gitlab_jobs
        on pipelines.ci_run_key = gitlab_jobs.ci_run_key

    left join parents
        on pipelines.ci_run_key = parents.ci_run_key

),

unioned as (

    select * from github
    union all
    select * from jenkins
    union all
    select * from gitlab

),

final as (

    select * from unioned
    where coalesce(queued_at, started_at, {{ as_of() }}) <= {{ as_of() }}

)

select * from final

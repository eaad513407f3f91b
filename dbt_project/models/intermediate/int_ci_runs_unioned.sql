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

unioned as (

    select * from github
    union all
    select * from jenkins

),

final as (

    select * from unioned
    where coalesce(queued_at, started_at) <= {{ as_of() }}

)

select * from final

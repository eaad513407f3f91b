with

-- GitHub starts a run again only when it has ended: how the attempt before ended nobody saw.
workflow_runs as (

    select
        *,
        status <> 'completed'
        and run_attempt < max(run_attempt) over (partition by run_id) as is_lost

    from {{ ref('stg_github__workflow_runs') }}

),

jobs as (

    select
        ci_run_key,
        min(started_at) as first_started_at,
        max(completed_at) as last_completed_at

    from {{ ref('int_github_jobs') }}

    where not coalesce(is_inherited, false)

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

-- One file defines all pipelines of a project; a child's name is that of the job that started it.
parents as (

    select
        downstream_ci_run_key as ci_run_key,
        min(name) as name

    from {{ ref('stg_gitlab__bridges') }}

    where downstream_ci_run_key is not null

    group by 1

),

run_events as (

    select * from {{ ref('stg_inbox__events') }}
    where
        (event_type like 'pipelinerun.%' or event_type like 'taskrun.%')
        and occurred_at <= {{ as_of() }}

),

github as (

    select
        workflow_runs.ci_run_key,
        'github' as source_system,
        workflow_runs.run_id as source_run_id,
        workflow_runs.repository as scope,
        workflow_runs.repository,
        coalesce(
            workflow_runs.workflow_path, 'workflow-' || workflow_runs.workflow_id, 'unknown'
        ) as pipeline,
        workflow_runs.head_sha,
        workflow_runs.event,
        workflow_runs.run_attempt as attempt,
        coalesce(workflow_runs.conclusion, workflow_runs.status) as raw_result,
        case
            when workflow_runs.is_lost then 'unknown'
            when workflow_runs.status <> 'completed' then 'running'
            when
                workflow_runs.conclusion in (
                    'success', 'failure', 'cancelled', 'skipped', 'neutral'
                )
                then workflow_runs.conclusion
            when workflow_runs.conclusion = 'timed_out' then 'timeout'
            when workflow_runs.conclusion = 'startup_failure' then 'error'
            -- It waits for somebody to let it run, and has run nothing.
            when workflow_runs.conclusion = 'action_required' then 'skipped'
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
            when queue_ms >= 0
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

-- Events come late, twice and out of order; a run is what all of them say, the last one first. A
-- task tells that there is a run.
told_in_order as (

    select
        run_producer,
        run_id,
        attempt,
        event_type,
        queued_at,
        started_at,
        occurred_at,
        first_value(pipeline) over (
            partition by run_producer, run_id, attempt
            order by
                case when pipeline is null then 1 else 0 end, occurred_at desc, inbox_event_key
        ) as pipeline,
        first_value(repository) over (
            partition by run_producer, run_id, attempt
            order by
                case when repository is null then 1 else 0 end, occurred_at desc, inbox_event_key
        ) as repository,
        first_value(head_sha) over (
            partition by run_producer, run_id, attempt
            order by
                case when head_sha is null then 1 else 0 end, occurred_at desc, inbox_event_key
        ) as head_sha,
        first_value(trigger_event) over (
            partition by run_producer, run_id, attempt
            order by
                case when trigger_event is null then 1 else 0 end, occurred_at desc,
                inbox_event_key
        ) as event,
        first_value(raw_result) over (
            partition by run_producer, run_id, attempt
            order by
                case when event_type = 'pipelinerun.finished' then 0 else 1 end,
                occurred_at desc, inbox_event_key
        ) as raw_result,
        first_value(coalesce(finished_at, occurred_at)) over (
            partition by run_producer, run_id, attempt
            order by
                case when event_type = 'pipelinerun.finished' then 0 else 1 end,
                occurred_at desc, inbox_event_key
        ) as finished_at

    from run_events

),

told_runs as (

    select
        run_producer as producer,
        run_id,
        attempt,
        pipeline,
        repository,
        head_sha,
        event,
        max(case when event_type = 'pipelinerun.finished' then 1 else 0 end) = 1 as is_finished,
        max(case when event_type like 'pipelinerun.%' then 1 else 0 end) = 1 as is_told,
        max(case when event_type = 'pipelinerun.finished' then raw_result end) as raw_result,
        min(
            case
                when event_type = 'pipelinerun.queued' then coalesce(queued_at, occurred_at)
                when event_type like 'pipelinerun.%' then queued_at
            end
        ) as queued_at,
        min(
            case
                when event_type = 'pipelinerun.started' then coalesce(started_at, occurred_at)
                when event_type = 'pipelinerun.finished' then started_at
            end
        ) as started_at,
        max(case when event_type = 'pipelinerun.finished' then finished_at end) as finished_at,
        min(occurred_at) as first_seen_at

    from told_in_order

    group by 1, 2, 3, 4, 5, 6, 7

),

inbox as (

    select
        'inbox:' || producer || ':' || run_id || ':' || attempt as ci_run_key,
        'inbox' as source_system,
        producer || ':' || run_id as source_run_id,
        coalesce(repository, producer) as scope,
        repository,
        coalesce(pipeline, 'unknown') as pipeline,
        head_sha,
        event,
        attempt,
        raw_result,
        -- Of a run that only its tasks tell of, and of one of long ago, nobody saw the end.
        case
            when is_finished then {{ inbox_result('raw_result') }}
            when not is_told then 'unknown'
            when {{ add_seconds('first_seen_at', '35 * 86400') }} < {{ as_of() }} then 'unknown'
            else 'running'
        end as result,
        queued_at,
        started_at,
        finished_at

    from told_runs

),

unioned as (

    select * from inbox
    union all
    select * from github
    union all
    select * from jenkins
    union all
    select * from gitlab

),

-- No tool runs anything for more than 35 days, but what waits for somebody may never end.
final as (

    select
        ci_run_key,
        source_system,
        source_run_id,
        scope,
        repository,
        pipeline,
        head_sha,
        event,
        attempt,
        raw_result,
        case
            when
                result = 'running'
                and {{ add_seconds('coalesce(started_at, queued_at)', '35 * 86400') }}
                < {{ as_of() }}
                then 'unknown'
            else result
        end as result,
        coalesce(finished_at < started_at or started_at < queued_at, false) as is_clock_backwards,
        queued_at,
        started_at,
        -- What ended before it began has no end that anybody knows.
        case when started_at is null or finished_at >= started_at then finished_at end
            as finished_at

    from unioned

    where coalesce(queued_at, started_at, {{ as_of() }}) <= {{ as_of() }}

)

select * from final

with

jobs as (

    select * from {{ ref('int_github_jobs') }}

),

stages as (

    select * from {{ ref('stg_jenkins__stages') }}

),

gitlab_jobs as (

    select
        ci_job_key,
        ci_run_key,
        name,
        status,
        created_at,
        started_at,
        finished_at

    from {{ ref('stg_gitlab__jobs') }}

    union all

    select
        ci_job_key,
        ci_run_key,
        name,
        status,
        created_at,
        started_at,
        finished_at

    from {{ ref('stg_gitlab__bridges') }}

),

-- What all events of a task say; of two ends the later one counts.
told_tasks as (

    select
        run_producer,
        run_id,
        attempt,
        task_id,
        max(case when row_num = 1 then raw_result end) as raw_result,
        max(case when event_type = 'taskrun.finished' then 1 else 0 end) = 1 as is_finished,
        min(case when named_place = 1 then task end) as task,
        min(queued_at) as queued_at,
        min(
            case
                when event_type = 'taskrun.started' then coalesce(started_at, occurred_at)
                else started_at
            end
        ) as started_at,
        max(case when row_num = 1 then coalesce(finished_at, occurred_at) end) as finished_at

    from (
        select
            *,
            row_number() over (
                partition by run_producer, run_id, attempt, task_id
                order by
                    case when event_type = 'taskrun.finished' then 0 else 1 end,
                    occurred_at desc, inbox_event_key
            ) as row_num,
            row_number() over (
                partition by run_producer, run_id, attempt, task_id
                order by
                    case when task is null then 1 else 0 end, occurred_at desc, inbox_event_key
            ) as named_place
        from {{ ref('stg_inbox__events') }}
        where
            event_type in ('taskrun.started', 'taskrun.finished')
            and occurred_at <= {{ as_of() }}
    ) as placed

    group by 1, 2, 3, 4

),

inbox as (

    select
        'inbox:' || run_producer || ':' || run_id || ':' || attempt || ':' || task_id
            as ci_job_key,
        'inbox:' || run_producer || ':' || run_id || ':' || attempt as ci_run_key,
        'inbox' as source_system,
        coalesce(task, 'unknown') as job,
        case when is_finished then raw_result end as raw_result,
        case when is_finished then {{ inbox_result('raw_result') }} else 'running' end as result,
        false as is_inherited,
        queued_at,
        started_at,
        case when is_finished then finished_at end as finished_at

    from told_tasks

),

github as (

    select
        ci_job_key,
        ci_run_key,
        'github' as source_system,
        coalesce(name, 'unknown') as job,
        coalesce(conclusion, status) as raw_result,
        case
            when status <> 'completed' then 'running'
            when conclusion in ('success', 'failure', 'cancelled', 'skipped', 'neutral')
                then conclusion
            when conclusion = 'timed_out' then 'timeout'
            -- It waits for somebody to let it run, and has run nothing.
            when conclusion = 'action_required' then 'skipped'
            else 'unknown'
        end as result,
        coalesce(is_inherited, false) as is_inherited,
        created_at as queued_at,
        started_at,
        completed_at as finished_at

    from jobs

),

jenkins as (

    select
        ci_job_key,
        ci_run_key,
        'jenkins' as source_system,
        coalesce(name, 'unknown') as job,
        status as raw_result,
        case
            when status = 'success' then 'success'
            when status in ('failed', 'failure', 'unstable') then 'failure'
            when status = 'aborted' then 'cancelled'
            when status in ('not_executed', 'not_built', 'skipped') then 'skipped'
            when is_open then 'running'
            else 'unknown'
        end as result,
        false as is_inherited,
        cast(null as timestamp) as queued_at,
        started_at,
        case
            when not is_open
                then {{ add_seconds('started_at', 'cast(floor(duration_ms / 1000.0) as bigint)') }}
        end as finished_at

    from (
        select
            *,
            status in ('in_progress', 'paused_pending_input', 'queued', 'running', 'paused')
                as is_open
        from stages
    ) as stages

),

-- A manual job that nobody started was not run.
gitlab as (

    select
        ci_job_key,
        ci_run_key,
        'gitlab' as source_system,
        coalesce(name, 'unknown') as job,
        status as raw_result,
        case
            when status = 'success' then 'success'
            when status = 'failed' then 'failure'
            when status = 'canceled' then 'cancelled'
            when status in ('skipped', 'manual') then 'skipped'
            when
                status in (
                    'created', 'waiting_for_resource', 'waiting_for_callback', 'preparing',
                    'pending', 'running', 'canceling', 'scheduled'
                )
                then 'running'
            else 'unknown'
        end as result,
        false as is_inherited,
        created_at as queued_at,
        started_at,
        finished_at

    from gitlab_jobs

),

unioned as (

    select * from github
    union all
    select * from jenkins
    union all
    select * from gitlab
    union all
    select * from inbox

),

final as (

    select
        unioned.ci_job_key,
        unioned.ci_run_key,
        unioned.source_system,
        unioned.job,
        unioned.raw_result,
        -- Of a run that has ended nothing runs: nobody saw how that job ended.
        case
            when unioned.result = 'running' and runs.result <> 'running' then 'unknown'
            else unioned.result
        end as result,
        unioned.is_inherited,
        coalesce(
            not unioned.is_inherited
            and (
                unioned.finished_at < unioned.started_at or unioned.started_at < unioned.queued_at
            ),
            false
        ) as is_clock_backwards,
        unioned.queued_at,
        unioned.started_at,
        -- What ended before it began has no end that anybody knows.
        case
            when unioned.started_at is null or unioned.finished_at >= unioned.started_at
                then unioned.finished_at
        end as finished_at

    from unioned

    inner join {{ ref('int_ci_runs_unioned') }} as runs
        on unioned.ci_run_key = runs.ci_run_key

)

select * from final

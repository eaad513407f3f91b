with

runs as (

    select * from {{ ref('int_ci_runs_unioned') }}

),

-- A commit whose pipeline failed and then passed without a change is a flaky run.
outcomes as (

    select
        source_system,
        pipeline,
        repository,
        head_sha,
        max(case when result = 'success' then finished_at end) as last_success_at

    from runs

    group by 1, 2, 3, 4

),

final as (

    select
        runs.ci_run_key,
        runs.source_system,
        runs.pipeline,
        runs.repository,
        runs.head_sha,
        runs.event,
        runs.result,
        runs.raw_result,
        runs.attempt,
        cast(
            case
                when runs.started_at >= runs.queued_at
                    then {{ seconds_between('runs.queued_at', 'runs.started_at') }}
            end as bigint
        ) as queue_s,
        cast({{ seconds_between('runs.started_at', 'runs.finished_at') }} as bigint) as run_s,
        coalesce(
            runs.result = 'failure' and outcomes.last_success_at > runs.finished_at, false
        ) as is_flaky,
        runs.is_clock_backwards,
        runs.queued_at,
        runs.started_at,
        runs.finished_at

    from runs

    left join outcomes
        on
            runs.source_system = outcomes.source_system
            and runs.pipeline = outcomes.pipeline
            and runs.repository is not distinct from outcomes.repository
            and runs.head_sha = outcomes.head_sha

)

select * from final

with

runs as (

    select
        *,
        coalesce(queued_at, started_at, finished_at) as known_at

    from {{ ref('int_ci_runs_unioned') }}

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

-- Who owns the repository or the job; of a tool that only tells of a repository, who owns the code.
scopes as (

    select * from {{ ref('scopes') }}

),

code_scopes as (

    select * from scopes
    where source_system in ('github', 'gitlab')

),

owners as (

    select
        runs.ci_run_key,
        min(coalesce(scopes.service_key, code_scopes.service_key)) as service_key

    from runs

    left join scopes
        on
            runs.source_system = scopes.source_system
            and runs.scope = scopes.scope
            and {{ valid_at('scopes', 'runs.known_at') }}

    left join code_scopes
        on
            runs.repository = code_scopes.scope
            and {{ valid_at('code_scopes', 'runs.known_at') }}

    group by 1

),

jobs as (

    select
        ci_run_key,
        sum(run_s) as machine_s,
        sum(case when cost is not null then run_s end) as priced_machine_s,
        {{ exact_sum('cost') }} as cost

    from {{ ref('fct_ci_jobs') }}

    group by 1

),

final as (

    select
        runs.ci_run_key,
        runs.source_system,
        runs.pipeline,
        runs.repository,
        coalesce(owners.service_key, 'unassigned') as service_key,
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
        cast(jobs.machine_s as bigint) as machine_s,
        cast(jobs.priced_machine_s as bigint) as priced_machine_s,
        jobs.cost,
        coalesce(
            runs.result = 'failure' and outcomes.last_success_at > runs.finished_at, false
        ) as is_flaky,
        runs.is_clock_backwards,
        runs.queued_at,
        runs.started_at,
        runs.finished_at

    from runs

    inner join owners
        on runs.ci_run_key = owners.ci_run_key

    left join jobs
        on runs.ci_run_key = jobs.ci_run_key

    left join outcomes
        on
            runs.source_system = outcomes.source_system
            and runs.pipeline = outcomes.pipeline
            and runs.repository is not distinct from outcomes.repository
            and runs.head_sha = outcomes.head_sha

)

select * from final

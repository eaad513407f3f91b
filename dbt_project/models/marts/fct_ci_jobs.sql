with

jobs as (

    select * from {{ ref('int_ci_jobs_unioned') }}

),

runs as (

    select * from {{ ref('int_ci_runs_unioned') }}

),

labels as (

    select * from {{ ref('int_ci_runner_labels') }}

),

rates as (

    select * from {{ ref('runner_rates') }}

),

other_rates as (

    select * from rates
    where label = '*'

),

-- Of several labels the dearest is what its runner costs; `*` is what any other runner does.
priced as (

    select
        jobs.ci_job_key,
        labels.label,
        coalesce(rates.cost_per_minute, other_rates.cost_per_minute) as cost_per_minute,
        row_number() over (
            partition by jobs.ci_job_key
            order by
                case when rates.cost_per_minute is null then 1 else 0 end,
                rates.cost_per_minute desc,
                labels.label_no
        ) as row_num

    from jobs

    left join labels
        on jobs.ci_job_key = labels.ci_job_key

    left join rates
        on
            jobs.source_system = rates.source_system
            and labels.label = rates.label
            and {{ valid_at('rates', 'jobs.started_at') }}

    left join other_rates
        on
            jobs.source_system = other_rates.source_system
            and {{ valid_at('other_rates', 'jobs.started_at') }}

),

-- A job that failed and then passed on the same commit failed without a cause in the code.
timed as (

    select
        jobs.*,
        runs.attempt,
        max(case when jobs.result = 'success' then jobs.finished_at end) over (
            partition by
                runs.source_system, runs.pipeline, runs.repository, runs.head_sha, jobs.job
        ) as last_success_at,
        runs.head_sha is not null as is_commit_known,
        lag(jobs.result) over (
            partition by jobs.ci_run_key, jobs.job
            order by jobs.started_at, jobs.ci_job_key
        ) as earlier_result,
        lag(jobs.finished_at) over (
            partition by jobs.ci_run_key, jobs.job
            order by jobs.started_at, jobs.ci_job_key
        ) as earlier_end_at

    from jobs

    inner join runs
        on jobs.ci_run_key = runs.ci_run_key

),

measured as (

    select
        *,
        cast(
            case
                when not is_inherited and started_at >= queued_at
                    then {{ seconds_between('queued_at', 'started_at') }}
            end as bigint
        ) as queue_s,
        cast(
            case when not is_inherited then {{ seconds_between('started_at', 'finished_at') }} end
            as bigint
        ) as run_s

    from timed

),

final as (

    select
        jobs.ci_job_key,
        jobs.ci_run_key,
        jobs.source_system,
        jobs.job,
        priced.label as runner_label,
        jobs.result,
        jobs.raw_result,
        jobs.queue_s,
        jobs.run_s,
        jobs.run_s / 60.0 * priced.cost_per_minute as cost,
        jobs.is_inherited,
        coalesce(
            not jobs.is_inherited
            and (
                jobs.attempt > 1
                or (jobs.earlier_result <> 'success' and jobs.earlier_end_at <= jobs.started_at)
            ),
            false
        ) as is_retry,
        coalesce(
            jobs.result = 'failure'
            and jobs.is_commit_known
            and jobs.last_success_at > jobs.finished_at,
            false
        ) as is_flaky,
        jobs.is_clock_backwards,
        jobs.queued_at,
        jobs.started_at,
        jobs.finished_at

    from measured as jobs

    inner join priced
        on jobs.ci_job_key = priced.ci_job_key and priced.row_num = 1

)

select * from final

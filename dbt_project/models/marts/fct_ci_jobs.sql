with

jobs as (

    select * from {{ ref('int_ci_jobs_unioned') }}

),

final as (

    select
        ci_job_key,
        ci_run_key,
        source_system,
        job,
        result,
        raw_result,
        cast(
            case
                when not is_inherited and started_at >= queued_at
                    then {{ seconds_between('queued_at', 'started_at') }}
            end as bigint
        ) as queue_s,
        cast(
            case when not is_inherited then {{ seconds_between('started_at', 'finished_at') }} end
            as bigint
        ) as run_s,
        is_inherited,
        is_clock_backwards,
        queued_at,
        started_at,
        finished_at

    from jobs

)

select * from final

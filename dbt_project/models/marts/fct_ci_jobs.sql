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
        cast({{ seconds_between('queued_at', 'started_at') }} as bigint) as queue_s,
        cast({{ seconds_between('started_at', 'finished_at') }} as bigint) as run_s,
        queued_at,
        started_at,
        finished_at

    from jobs

)

select * from final

with

jobs as (

    select * from {{ ref('stg_github__jobs') }}

),

runs as (

    select * from {{ ref('stg_github__workflow_runs') }}

),

-- A re-run of the failed jobs lists the others too, as they ran in the attempt before.
final as (

    select
        jobs.*,
        coalesce(runs.run_attempt > 1 and jobs.started_at < runs.started_at, false) as is_inherited

    from jobs

    left join runs
        on jobs.ci_run_key = runs.ci_run_key

)

select * from final

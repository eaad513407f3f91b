with

jobs as (

    select * from {{ ref('stg_github__jobs') }}

),

runs as (

    select * from {{ ref('stg_github__workflow_runs') }}

),

-- GitHub numbers the attempts of a run from 1. An attempt that re-runs only the failed jobs lists
-- the others too, with their times from the attempt before: what started before its attempt is such
-- a copy. A first attempt has nothing to copy; an earlier start there is a difference of clocks.
final as (

    select
        jobs.*,
        coalesce(runs.run_attempt > 1 and jobs.started_at < runs.started_at, false) as is_inherited

    from jobs

    left join runs
        on jobs.ci_run_key = runs.ci_run_key

)

select * from final

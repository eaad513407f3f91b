with

final as (

    select
        commits.change_key || '>' || runs.ci_run_key as change_run_key,
        commits.change_key,
        runs.ci_run_key,
        commits.is_merged

    from {{ ref('int_commits_of_changes') }} as commits

    inner join {{ ref('int_ci_runs_unioned') }} as runs
        on commits.sha = runs.head_sha

)

select * from final

with

commits as (

    select * from {{ ref('stg_github__commits') }}
    where is_on_main_line and committed_at <= {{ as_of() }}

),

of_pull_requests as (

    select
        repository,
        sha

    from {{ ref('int_commits_of_pull_requests') }}

    group by 1, 2

),

final as (

    select
        commits.commit_key,
        commits.repository,
        commits.sha,
        commits.author_key,
        commits.author_type,
        commits.is_revert,
        commits.is_hotfix,
        commits.ai_assistance,
        commits.ai_method,
        commits.authored_at,
        commits.committed_at

    from commits

    left join of_pull_requests
        on commits.repository = of_pull_requests.repository and commits.sha = of_pull_requests.sha

    where of_pull_requests.sha is null

)

select * from final

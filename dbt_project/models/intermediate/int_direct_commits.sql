with

commits as (

    select * from {{ ref('stg_github__commits') }}
    where is_on_main_line and committed_at <= {{ as_of() }}

),

pull_requests as (

    select * from {{ ref('int_pull_requests_unioned') }}
    where source_system = 'github'

),

pull_request_commits as (

    select * from {{ ref('stg_github__pull_request_commits') }}

),

merge_commits as (

    select
        repository,
        merge_commit_sha

    from pull_requests

    where merge_commit_sha is not null

    group by 1, 2

),

reviewed as (

    select
        repository,
        sha

    from pull_request_commits

    group by 1, 2

),

-- Rebasing writes the commits of a pull request anew, in the moment of the merge; of what they
-- were, the time of writing stays.
rebased as (

    select
        commits.repository,
        commits.sha

    from commits

    inner join pull_request_commits
        on
            commits.repository = pull_request_commits.repository
            and commits.authored_at = pull_request_commits.authored_at

    inner join pull_requests
        on
            pull_request_commits.work_item_key = pull_requests.work_item_key
            and abs({{ seconds_between('pull_requests.merged_at', 'commits.committed_at') }}) <= 60

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
        commits.authored_at,
        commits.committed_at

    from commits

    left join merge_commits
        on
            commits.repository = merge_commits.repository
            and commits.sha = merge_commits.merge_commit_sha

    left join reviewed
        on commits.repository = reviewed.repository and commits.sha = reviewed.sha

    -- A pull request that was merged by hand.
    left join reviewed as reviewed_branches
        on
            commits.repository = reviewed_branches.repository
            and commits.second_parent_sha = reviewed_branches.sha

    left join rebased
        on commits.repository = rebased.repository and commits.sha = rebased.sha

    where
        merge_commits.merge_commit_sha is null
        and reviewed.sha is null
        and reviewed_branches.sha is null
        and rebased.sha is null

)

select * from final

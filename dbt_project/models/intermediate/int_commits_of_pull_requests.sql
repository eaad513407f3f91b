with

commits as (

    select * from {{ ref('stg_github__commits') }}

),

pull_requests as (

    select * from {{ ref('int_pull_requests_unioned') }}
    where source_system = 'github'

),

pull_request_commits as (

    select * from {{ ref('stg_github__pull_request_commits') }}

),

final as (

    select
        repository,
        merge_commit_sha as sha,
        work_item_key

    from pull_requests

    where merge_commit_sha is not null

    union

    select
        repository,
        sha,
        work_item_key

    from pull_request_commits

    union

    -- A pull request that was merged by hand.
    select
        commits.repository,
        commits.sha,
        pull_request_commits.work_item_key

    from commits

    inner join pull_request_commits
        on
            commits.repository = pull_request_commits.repository
            and commits.second_parent_sha = pull_request_commits.sha

    where commits.is_on_main_line

    union

    -- Rebasing rewrites the commits of a pull request, in the moment of the merge; of what they
    -- were, the time of writing stays.
    select
        commits.repository,
        commits.sha,
        pull_request_commits.work_item_key

    from commits

    inner join pull_request_commits
        on
            commits.repository = pull_request_commits.repository
            and commits.authored_at = pull_request_commits.authored_at

    inner join pull_requests
        on
            pull_request_commits.work_item_key = pull_requests.work_item_key
            and abs({{ seconds_between('pull_requests.merged_at', 'commits.committed_at') }}) <= 60

    where commits.is_on_main_line

)

select
    repository || ':' || sha || ':' || work_item_key as commit_of_pull_request_id,
    repository,
    sha,
    work_item_key

from final

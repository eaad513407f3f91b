with

changes as (

    select * from {{ ref('int_changes_unioned') }}

),

pull_request_commits as (

    select * from {{ ref('int_pull_request_commits_unioned') }}

),

commits as (

    select
        change_key,
        head_sha as sha,
        0 as is_merged
    from changes

    union all

    select
        change_key,
        merge_commit_sha as sha,
        1 as is_merged
    from changes

    union all

    select
        changes.change_key,
        pull_request_commits.sha,
        0 as is_merged

    from pull_request_commits

    inner join changes
        on pull_request_commits.work_item_key = changes.change_key

)

select
    change_key || ':' || sha as commit_of_change_id,
    change_key,
    sha,
    max(is_merged) = 1 as is_merged

from commits

where sha is not null

group by 1, 2, 3

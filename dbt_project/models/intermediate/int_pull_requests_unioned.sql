with

pull_requests as (

    select * from {{ ref('stg_github__pull_requests') }}

),

commits as (

    select * from {{ ref('stg_github__commits') }}
    where is_on_main_line and pull_request_no is not null

),

-- A robot that squashes pushes one commit, `title (#1)`, and then closes what it merged; so does
-- who merges by hand. To GitHub that is closed and not merged.
pushed as (

    select
        work_item_key,
        sha

    from (
        select
            pull_requests.work_item_key,
            commits.sha,
            row_number() over (
                partition by pull_requests.work_item_key
                order by commits.committed_at desc, commits.sha
            ) as row_num

        from pull_requests

        inner join commits
            on
                pull_requests.repository = commits.repository
                and pull_requests.pull_request_no = commits.pull_request_no

        where
            pull_requests.merged_at is null
            and commits.committed_at >= pull_requests.opened_at
            and commits.committed_at <= {{ add_seconds('pull_requests.closed_at', '60') }}
    ) as placed

    where row_num = 1

),

github as (

    select
        pull_requests.work_item_key,
        'github' as source_system,
        pull_requests.pull_request_id as source_id,
        pull_requests.repository || '#' || pull_requests.pull_request_no as item_key,
        'Pull request' as raw_type,
        pull_requests.repository,
        pull_requests.base_branch,
        pull_requests.author_key,
        pull_requests.author_type,
        pull_requests.head_sha,
        coalesce(pull_requests.merge_commit_sha, pushed.sha) as merge_commit_sha,
        pull_requests.additions,
        pull_requests.deletions,
        pull_requests.is_draft,
        pull_requests.is_revert,
        pull_requests.is_hotfix,
        pull_requests.ai_assistance,
        pull_requests.ai_method,
        pull_requests.opened_at,
        pull_requests.updated_at,
        pull_requests.closed_at,
        case
            when pushed.sha is not null then pull_requests.closed_at
            else pull_requests.merged_at
        end as merged_at,
        cast(null as timestamp) as deleted_at

    from pull_requests

    left join pushed
        on pull_requests.work_item_key = pushed.work_item_key

),

-- GitLab shows the size of a merge request to nobody who lists it.
gitlab as (

    select
        work_item_key,
        'gitlab' as source_system,
        merge_request_id as source_id,
        repository || '!' || merge_request_no as item_key,
        'Merge request' as raw_type,
        repository,
        base_branch,
        author_key,
        author_type,
        head_sha,
        merge_commit_sha,
        cast(null as bigint) as additions,
        cast(null as bigint) as deletions,
        is_draft,
        is_revert,
        is_hotfix,
        ai_assistance,
        ai_method,
        opened_at,
        updated_at,
        closed_at,
        merged_at,
        deleted_detected_at as deleted_at

    from {{ ref('stg_gitlab__merge_requests') }}

),

final as (

    select * from github
    union all
    select * from gitlab

)

select * from final

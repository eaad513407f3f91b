with

github as (

    select
        work_item_key,
        'github' as source_system,
        pull_request_id as source_id,
        repository || '#' || pull_request_no as item_key,
        'Pull request' as raw_type,
        repository,
        author_key,
        author_type,
        merge_commit_sha,
        additions,
        deletions,
        is_draft,
        is_revert,
        is_hotfix,
        opened_at,
        updated_at,
        closed_at,
        merged_at,
        cast(null as timestamp) as deleted_at

    from {{ ref('stg_github__pull_requests') }}

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
        author_key,
        author_type,
        merge_commit_sha,
        cast(null as bigint) as additions,
        cast(null as bigint) as deletions,
        is_draft,
        is_revert,
        is_hotfix,
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

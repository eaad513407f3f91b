with

final as (

    select
        work_item_key || ':' || sha as pull_request_commit_id,
        work_item_key,
        sha,
        authored_at,
        committed_at

    from {{ ref('stg_github__pull_request_commits') }}

    union all

    select
        work_item_key || ':' || sha as pull_request_commit_id,
        work_item_key,
        sha,
        authored_at,
        committed_at

    from {{ ref('stg_gitlab__merge_request_commits') }}

)

select * from final

with

pull_requests as (

    select
        work_item_key as change_key,
        'pull_request' as kind,
        source_system,
        repository,
        author_key,
        author_type,
        merge_commit_sha,
        additions,
        deletions,
        is_revert,
        is_hotfix,
        first_commit_at,
        opened_at,
        ready_at,
        first_review_at,
        approved_at,
        merged_at,
        closed_at

    from {{ ref('int_pull_requests_measured') }}

),

commits as (

    select
        commit_key as change_key,
        'commit' as kind,
        'github' as source_system,
        repository,
        author_key,
        author_type,
        sha as merge_commit_sha,
        cast(null as bigint) as additions,
        cast(null as bigint) as deletions,
        is_revert,
        is_hotfix,
        authored_at as first_commit_at,
        cast(null as timestamp) as opened_at,
        cast(null as timestamp) as ready_at,
        cast(null as timestamp) as first_review_at,
        cast(null as timestamp) as approved_at,
        committed_at as merged_at,
        cast(null as timestamp) as closed_at

    from {{ ref('int_direct_commits') }}

),

unioned as (

    select * from pull_requests
    union all
    select * from commits

),

-- Unlike repositories are never one service because nobody has named theirs.
final as (

    select
        unioned.*,
        coalesce(
            scopes.service_key,
            'unassigned:' || unioned.source_system || ':'
            || coalesce(unioned.repository, 'unknown')
        ) as service_key

    from unioned

    left join {{ ref('scopes') }} as scopes
        on
            unioned.source_system = scopes.source_system
            and unioned.repository = scopes.scope
            and {{ valid_at('scopes', 'coalesce(unioned.opened_at, unioned.merged_at)') }}

)

select * from final

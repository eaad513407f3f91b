with

pull_requests as (

    select
        work_item_key as change_key,
        'pull_request' as kind,
        source_system,
        repository,
        base_branch,
        author_key,
        author_type,
        head_sha,
        merge_commit_sha,
        additions,
        deletions,
        is_revert,
        is_hotfix,
        ai_assistance,
        ai_method,
        first_commit_at,
        is_written_before_repository,
        opened_at,
        ready_at,
        first_review_at,
        approved_at,
        merged_at,
        closed_at

    from {{ ref('int_pull_requests_measured') }}

),

repositories as (

    select * from {{ ref('int_repositories_unioned') }}

),

commits as (

    select
        commits.commit_key as change_key,
        'commit' as kind,
        'github' as source_system,
        commits.repository,
        repositories.default_branch as base_branch,
        commits.author_key,
        commits.author_type,
        cast(null as varchar) as head_sha,
        commits.sha as merge_commit_sha,
        cast(null as bigint) as additions,
        cast(null as bigint) as deletions,
        commits.is_revert,
        commits.is_hotfix,
        commits.ai_assistance,
        commits.ai_method,
        case
            when commits.authored_at >= coalesce(repositories.created_at, commits.authored_at)
                then commits.authored_at
            when commits.committed_at >= repositories.created_at then commits.committed_at
        end as first_commit_at,
        coalesce(
            commits.authored_at is null or commits.authored_at < repositories.created_at, false
        ) as is_written_before_repository,
        cast(null as timestamp) as opened_at,
        cast(null as timestamp) as ready_at,
        cast(null as timestamp) as first_review_at,
        cast(null as timestamp) as approved_at,
        commits.committed_at as merged_at,
        cast(null as timestamp) as closed_at

    from {{ ref('int_direct_commits') }} as commits

    left join repositories
        on
            commits.repository = repositories.repository
            and repositories.source_system = 'github'

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

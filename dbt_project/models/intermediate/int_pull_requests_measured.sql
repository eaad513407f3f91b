with

pull_requests as (

    select * from {{ ref('int_pull_requests_unioned') }}
    where coalesce(opened_at, merged_at, closed_at, updated_at, {{ as_of() }}) <= {{ as_of() }}

),

commits as (

    select * from {{ ref('int_pull_request_commits_unioned') }}

),

repositories as (

    select * from {{ ref('int_repositories_unioned') }}

),

-- Author dates are set by whoever writes: one from before the repository existed is
-- not a start, and the committer's stands in for it. The union survives force pushes.
first_commits as (

    select
        commits.work_item_key,
        min(
            case
                when commits.authored_at >= coalesce(repositories.created_at, commits.authored_at)
                    then commits.authored_at
                when commits.committed_at >= repositories.created_at then commits.committed_at
            end
        ) as first_commit_at,
        -- A date that no calendar of ours has is null since it was loaded.
        max(
            case
                when commits.authored_at is null or commits.authored_at < repositories.created_at
                    then 1
                else 0
            end
        ) = 1 as is_written_before_repository

    from commits

    inner join pull_requests
        on commits.work_item_key = pull_requests.work_item_key

    left join repositories
        on
            pull_requests.source_system = repositories.source_system
            and pull_requests.repository = repositories.repository

    group by 1

),

readiness as (

    select
        work_item_key,
        min(happened_at) as ready_at

    from {{ ref('int_pull_request_events_unioned') }}

    where event = 'ready_for_review' and happened_at <= {{ as_of() }}

    group by 1

),

described as (

    select
        pull_requests.*,
        coalesce(readiness.ready_at, pull_requests.opened_at) as ready_at

    from pull_requests

    left join readiness
        on pull_requests.work_item_key = readiness.work_item_key

),

-- The review that it waited for comes when it is ready and not merged; where there is none such,
-- the first of those that are too early or too late, which the flags tell. Programs do not review.
first_reviews as (

    select
        reviews.work_item_key,
        coalesce(
            min(
                case
                    when
                        reviews.submitted_at >= described.ready_at
                        and reviews.submitted_at
                        <= coalesce(described.merged_at, reviews.submitted_at)
                        then reviews.submitted_at
                end
            ),
            min(reviews.submitted_at)
        ) as first_review_at,
        min(case when reviews.state = 'approved' then reviews.submitted_at end) as approved_at

    from {{ ref('int_pull_request_reviews_unioned') }} as reviews

    inner join described
        on reviews.work_item_key = described.work_item_key

    where
        reviews.author_key is distinct from described.author_key
        and coalesce(reviews.author_type, 'human') <> 'bot'
        and reviews.submitted_at <= {{ as_of() }}

    group by 1

),

final as (

    select
        pull_requests.work_item_key,
        pull_requests.source_system,
        pull_requests.repository,
        pull_requests.base_branch,
        pull_requests.author_key,
        pull_requests.author_type,
        pull_requests.head_sha,
        pull_requests.merge_commit_sha,
        pull_requests.additions,
        pull_requests.deletions,
        pull_requests.is_revert,
        pull_requests.is_hotfix,
        pull_requests.ai_assistance,
        pull_requests.ai_method,
        first_commits.first_commit_at,
        coalesce(first_commits.is_written_before_repository, false)
            as is_written_before_repository,
        pull_requests.opened_at,
        pull_requests.ready_at,
        first_reviews.first_review_at,
        first_reviews.approved_at,
        case when pull_requests.merged_at <= {{ as_of() }} then pull_requests.merged_at end
            as merged_at,
        case when pull_requests.closed_at <= {{ as_of() }} then pull_requests.closed_at end
            as closed_at

    from described as pull_requests

    left join first_commits
        on pull_requests.work_item_key = first_commits.work_item_key

    left join first_reviews
        on pull_requests.work_item_key = first_reviews.work_item_key

)

select * from final

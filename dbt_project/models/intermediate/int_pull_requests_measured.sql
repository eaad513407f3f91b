with

pull_requests as (

    select * from {{ ref('int_pull_requests_unioned') }}
    where coalesce(opened_at, merged_at, closed_at, updated_at, {{ as_of() }}) <= {{ as_of() }}

),

commits as (

    select
        work_item_key,
        authored_at

    from {{ ref('stg_github__pull_request_commits') }}

    union all

    select
        work_item_key,
        authored_at

    from {{ ref('stg_gitlab__merge_request_commits') }}

),

-- Author dates can be rewritten and lie before the repository; the union survives force pushes.
first_commits as (

    select
        work_item_key,
        min(authored_at) as first_commit_at

    from commits

    group by 1

),

first_reviews as (

    select
        reviews.work_item_key,
        min(reviews.submitted_at) as first_review_at,
        min(case when reviews.state = 'approved' then reviews.submitted_at end) as approved_at

    from {{ ref('int_pull_request_reviews_unioned') }} as reviews

    inner join pull_requests
        on reviews.work_item_key = pull_requests.work_item_key

    where
        reviews.author_key is distinct from pull_requests.author_key
        and reviews.submitted_at <= {{ as_of() }}

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

final as (

    select
        pull_requests.work_item_key,
        pull_requests.source_system,
        pull_requests.repository,
        pull_requests.author_key,
        pull_requests.author_type,
        pull_requests.merge_commit_sha,
        pull_requests.additions,
        pull_requests.deletions,
        pull_requests.is_revert,
        pull_requests.is_hotfix,
        first_commits.first_commit_at,
        pull_requests.opened_at,
        coalesce(readiness.ready_at, pull_requests.opened_at) as ready_at,
        first_reviews.first_review_at,
        first_reviews.approved_at,
        case when pull_requests.merged_at <= {{ as_of() }} then pull_requests.merged_at end
            as merged_at,
        case when pull_requests.closed_at <= {{ as_of() }} then pull_requests.closed_at end
            as closed_at

    from pull_requests

    left join first_commits
        on pull_requests.work_item_key = first_commits.work_item_key

    left join first_reviews
        on pull_requests.work_item_key = first_reviews.work_item_key

    left join readiness
        on pull_requests.work_item_key = readiness.work_item_key

)

select * from final

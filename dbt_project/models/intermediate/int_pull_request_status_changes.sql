with

pull_requests as (

    select * from {{ ref('int_pull_requests_unioned') }}

),

events as (

    select * from {{ ref('int_pull_request_events_unioned') }}

),

initial_statuses as (

    select * from {{ ref('int_pull_request_initial_statuses') }}

),

reviews as (

    select * from {{ ref('int_pull_request_reviews_unioned') }}

),

opened as (

    select
        pull_requests.work_item_key,
        pull_requests.work_item_key || ':opened' as source_event_id,
        coalesce(
            pull_requests.opened_at, pull_requests.merged_at,
            pull_requests.closed_at, pull_requests.updated_at
        ) as changed_at,
        0 as order_no,
        initial_statuses.initial_status as to_status,
        pull_requests.author_key as actor_key,
        pull_requests.author_type as actor_type

    from pull_requests

    inner join initial_statuses
        on pull_requests.work_item_key = initial_statuses.work_item_key

),

moved as (

    select
        events.work_item_key,
        events.pull_request_event_id as source_event_id,
        events.happened_at as changed_at,
        1000 + events.event_no as order_no,
        case events.event
            when 'ready_for_review' then 'open'
            when 'convert_to_draft' then 'draft'
            when 'reopened' then 'open'
            when 'added_to_merge_queue' then 'in_merge_queue'
            when 'removed_from_merge_queue' then 'approved'
            when 'merged' then 'merged'
            when 'closed' then 'closed'
        end as to_status,
        events.actor_key,
        events.actor_type

    from events

    inner join pull_requests
        on events.work_item_key = pull_requests.work_item_key

    where
        events.event in (
            'ready_for_review', 'convert_to_draft', 'reopened', 'merged', 'closed',
            'added_to_merge_queue', 'removed_from_merge_queue'
        )
        -- Merged is the end: events of closing it and of leaving the queue come then, or later.
        and (
            events.event = 'merged'
            or events.happened_at < coalesce(pull_requests.merged_at, timestamp '9999-01-01')
        )

),

-- Sources without a timeline still say when it was merged or closed.
ended as (

    select
        pull_requests.work_item_key,
        pull_requests.work_item_key || ':ended' as source_event_id,
        coalesce(pull_requests.merged_at, pull_requests.closed_at) as changed_at,
        1000000 as order_no,
        case when pull_requests.merged_at is not null then 'merged' else 'closed' end as to_status,
        cast(null as varchar) as actor_key,
        cast(null as varchar) as actor_type

    from pull_requests

    where
        coalesce(pull_requests.merged_at, pull_requests.closed_at) is not null
        and not exists (
            select 1 from moved
            where
                moved.work_item_key = pull_requests.work_item_key
                and moved.to_status = case
                    when pull_requests.merged_at is not null then 'merged' else 'closed'
                end
        )

),

reviewed as (

    select
        reviews.work_item_key,
        'review:' || reviews.review_id as source_event_id,
        reviews.submitted_at as changed_at,
        100 as order_no,
        case reviews.state
            when 'approved' then 'approved'
            when 'changes_requested' then 'changes_requested'
            else 'in_review'
        end as to_status,
        reviews.author_key as actor_key,
        reviews.author_type as actor_type

    from reviews

    inner join pull_requests
        on reviews.work_item_key = pull_requests.work_item_key

    -- Comments of the author or of a program are not reviews, though a program's verdict is the
    -- tool's too; what comes after the end moves nothing.
    where
        reviews.submitted_at is not null
        and (
            coalesce(reviews.author_type, 'human') <> 'bot'
            or reviews.state in ('approved', 'changes_requested')
        )
        and reviews.author_key is distinct from pull_requests.author_key
        and reviews.submitted_at
        < coalesce(pull_requests.merged_at, pull_requests.closed_at, timestamp '9999-01-01')

),

events_unioned as (

    select * from opened
    union all
    select * from moved
    union all
    select * from ended
    union all
    select * from reviewed

),

-- A comment does not take back a verdict: it counts only where none stands since the last move.
with_verdicts as (

    select
        *,
        max(case when to_status in ('approved', 'changes_requested') then changed_at end)
            over earlier as last_verdict_at,
        max(case when to_status in ('open', 'draft', 'closed', 'merged') then changed_at end)
            over earlier as last_move_at,
        max(case when to_status = 'in_merge_queue' then changed_at end)
            over earlier as last_queued_at,
        max(case when order_no > 100 and to_status <> 'in_merge_queue' then changed_at end)
            over earlier as last_unqueued_at

    from events_unioned

    where changed_at is not null

    window earlier as (
        partition by work_item_key
        order by changed_at, order_no, source_event_id
        rows between unbounded preceding and 1 preceding
    )

),

ordered as (

    select
        *,
        lag(to_status) over (
            partition by work_item_key
            order by changed_at, order_no, source_event_id
        ) as previous_status

    from with_verdicts

    where
        (to_status <> 'in_review' or last_verdict_at is null or last_verdict_at < last_move_at)
        -- Nor does a review take it off the merge queue.
        and (
            order_no <> 100
            or last_queued_at is null
            or last_queued_at < coalesce(last_unqueued_at, timestamp '1970-01-01')
        )

),

final as (

    select
        source_event_id,
        work_item_key,
        previous_status as from_status,
        to_status,
        actor_key,
        actor_type,
        order_no,
        changed_at

    from ordered

    where previous_status is not null

)

select * from final

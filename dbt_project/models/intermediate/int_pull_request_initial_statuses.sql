with

pull_requests as (

    select * from {{ ref('int_pull_requests_unioned') }}

),

events as (

    select * from {{ ref('int_pull_request_events_unioned') }}

),

-- A pull request that was made ready before it ever became a draft was opened as one.
first_events as (

    select
        work_item_key,
        min(case when event = 'ready_for_review' then happened_at end) as first_ready_at,
        min(case when event = 'convert_to_draft' then happened_at end) as first_draft_at

    from events

    group by 1

),

final as (

    select
        pull_requests.work_item_key,
        case
            when
                first_events.first_ready_at is not null
                and (
                    first_events.first_draft_at is null
                    or first_events.first_ready_at < first_events.first_draft_at
                )
                then 'draft'
            when pull_requests.is_draft and first_events.first_draft_at is null then 'draft'
            else 'open'
        end as initial_status

    from pull_requests

    left join first_events
        on pull_requests.work_item_key = first_events.work_item_key

)

select * from final

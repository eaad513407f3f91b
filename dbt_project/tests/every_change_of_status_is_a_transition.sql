-- What each source recorded, before it is put together, against what became of it.
with

recorded_changes as (

    select
        work_item_key,
        changed_at
    from {{ ref('stg_jira__issue_changes') }}
    where field = 'status'
    union all
    select
        work_item_key,
        changed_at
    from {{ ref('int_pull_request_status_changes') }}
    union all
    select
        work_item_key,
        changed_at
    from {{ ref('int_issue_status_changes') }}
    union all
    select
        work_item_key,
        changed_at
    from {{ ref('int_servicenow_state_changes') }}

),

recorded as (

    select
        recorded_changes.work_item_key,
        count(*) as changes

    from recorded_changes

    inner join {{ ref('int_work_items_unioned') }} as work_items
        on recorded_changes.work_item_key = work_items.work_item_key

    where recorded_changes.changed_at <= {{ as_of() }}

    group by 1

),

published as (

    select
        work_item_key,
        count(case when not is_synthetic then 1 end) as transitions

    from {{ ref('fct_status_transitions') }}

    group by 1

),

ordered as (

    select
        work_item_key,
        to_status,
        coalesce(
            lag(to_status) over (
                partition by work_item_key
                order by changed_at, order_no, order_in_event, source_event_id
            ),
            from_status
        ) as previous_status

    from {{ ref('int_status_changes_unioned') }}

    where has_happened

),

standing as (

    select
        work_item_key,
        count(*) as standing

    from ordered

    where to_status = previous_status

    group by 1

)

select recorded.work_item_key

from recorded

left join published
    on recorded.work_item_key = published.work_item_key

left join standing
    on recorded.work_item_key = standing.work_item_key

where recorded.changes <> coalesce(published.transitions, 0) + coalesce(standing.standing, 0)

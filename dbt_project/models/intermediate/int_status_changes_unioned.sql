with

issue_changes as (

    select * from {{ ref('int_jira_changes') }}
    where field = 'status'

),

pull_request_changes as (

    select * from {{ ref('int_pull_request_status_changes') }}

),

tracked_issue_changes as (

    select * from {{ ref('int_issue_status_changes') }}

),

state_changes as (

    select * from {{ ref('int_servicenow_state_changes') }}

),

-- Tasks below an item are not items.
records as (

    select * from {{ ref('int_servicenow_records') }}

),

-- What an import wrote as a change from nothing, when the issue was created, is its birth.
jira as (

    select
        'jira:' || issue_changes.issue_change_id as source_event_id,
        issue_changes.work_item_key,
        coalesce(
            issue_changes.from_value,
            case
                when issue_changes.changed_at <= issue_changes.created_at + interval '1' minute
                    then issue_changes.to_value
            end,
            'unknown'
        ) as from_status,
        coalesce(issue_changes.to_value, 'unknown') as to_status,
        issue_changes.actor_key,
        issue_changes.actor_type,
        issue_changes.order_no,
        issue_changes.item_no as order_in_event,
        issue_changes.changed_at

    from issue_changes

),

pull_requests as (

    select
        source_event_id,
        work_item_key,
        from_status,
        to_status,
        actor_key,
        actor_type,
        order_no,
        0 as order_in_event,
        changed_at

    from pull_request_changes

),

tracked_issues as (

    select
        source_event_id,
        work_item_key,
        from_status,
        to_status,
        actor_key,
        actor_type,
        order_no,
        0 as order_in_event,
        changed_at

    from tracked_issue_changes

),

servicenow as (

    select
        'servicenow:' || state_changes.source_event_id as source_event_id,
        state_changes.work_item_key,
        state_changes.from_status,
        state_changes.to_status,
        state_changes.actor_key,
        state_changes.actor_type,
        state_changes.order_no,
        0 as order_in_event,
        state_changes.changed_at

    from state_changes

    inner join records
        on state_changes.work_item_key = records.work_item_key

),

inbox as (

    select
        'inbox:' || inbox_event_key as source_event_id,
        work_item_key,
        previous_status as from_status,
        status as to_status,
        cast(null as varchar) as actor_key,
        cast(null as varchar) as actor_type,
        event_no as order_no,
        0 as order_in_event,
        occurred_at as changed_at

    from {{ ref('int_inbox_incident_events') }}

    where previous_status is not null

),

unioned as (

    select * from jira
    union all
    select * from pull_requests
    union all
    select * from tracked_issues
    union all
    select * from servicenow
    union all
    select * from inbox

),

final as (

    select
        *,
        changed_at <= {{ as_of() }} as has_happened

    from unioned

)

select * from final

with

issue_changes as (

    select * from {{ ref('stg_jira__issue_changes') }}
    where field = 'status'

),

statuses as (

    select * from {{ ref('stg_jira__statuses') }}

),

pull_request_changes as (

    select * from {{ ref('int_pull_request_status_changes') }}

),

audits as (

    select * from {{ ref('stg_servicenow__audits') }}
    where field in ('state', 'incident_state')

),

spans as (

    select * from {{ ref('int_servicenow_metric_spans') }}

),

labels as (

    select * from {{ ref('int_servicenow_state_labels') }}

),

-- Statuses are renamed, their ids stay: the present name of the id wins over the recorded one.
jira as (

    select
        'jira:' || issue_changes.issue_change_id as source_event_id,
        issue_changes.work_item_key,
        coalesce(old_statuses.name, issue_changes.from_name, 'unknown') as from_status,
        coalesce(new_statuses.name, issue_changes.to_name, 'unknown') as to_status,
        issue_changes.actor_key,
        issue_changes.actor_type,
        coalesce(cast({{ safe_cast_text('issue_changes.history_id', 'bigint') }} as bigint), 0)
        as order_no,
        issue_changes.item_no as order_in_event,
        issue_changes.changed_at

    from issue_changes

    left join statuses as old_statuses
        on issue_changes.from_id = old_statuses.status_id

    left join statuses as new_statuses
        on issue_changes.to_id = new_statuses.status_id

),

github as (

    select
        'github:' || source_event_id as source_event_id,
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

-- Incidents mirror their state in `incident_state`; one of the two fields tells the story.
audited_fields as (

    select
        work_item_key,
        max(field) as field

    from audits

    group by 1

),

servicenow as (

    select
        'servicenow:' || audits.audit_id as source_event_id,
        audits.work_item_key,
        coalesce(old_labels.label, nullif(audits.from_value, ''), 'unknown') as from_status,
        coalesce(new_labels.label, nullif(audits.to_value, ''), 'unknown') as to_status,
        audits.actor_key,
        audits.actor_type,
        coalesce(audits.update_no, 0) as order_no,
        0 as order_in_event,
        audits.changed_at

    from audits

    inner join audited_fields
        on
            audits.work_item_key = audited_fields.work_item_key
            and audits.field = audited_fields.field

    left join labels as old_labels
        on audits.from_value = old_labels.value and audits.table_name = old_labels.table_name

    left join labels as new_labels
        on audits.to_value = new_labels.value and audits.table_name = new_labels.table_name

),

-- Where the audit cannot be read, the spans of a metric on the state stand in.
measured as (

    select
        'servicenow:' || spans.metric_instance_id as source_event_id,
        spans.work_item_key,
        spans.previous_value as from_status,
        spans.value as to_status,
        cast(null as varchar) as actor_key,
        cast(null as varchar) as actor_type,
        spans.span_no as order_no,
        0 as order_in_event,
        spans.started_at as changed_at

    from spans

    where
        spans.previous_value is not null
        and not exists (
            select 1 from audited_fields
            where audited_fields.work_item_key = spans.work_item_key
        )

),

unioned as (

    select * from jira
    union all
    select * from github
    union all
    select * from servicenow
    union all
    select * from measured

),

final as (

    select
        *,
        changed_at <= {{ as_of() }} as has_happened

    from unioned

)

select * from final

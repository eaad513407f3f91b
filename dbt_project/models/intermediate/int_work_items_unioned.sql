with

issues as (

    select * from {{ ref('int_jira_issues') }}

),

pull_requests as (

    select * from {{ ref('int_pull_requests_unioned') }}

),

tracked_issues as (

    select * from {{ ref('int_issues_described') }}

),

servicenow as (

    select * from {{ ref('int_servicenow_records') }}

),

initial_statuses as (

    select * from {{ ref('int_pull_request_initial_statuses') }}

),

-- Where nobody recorded a creation, an item exists from its first recorded change on.
first_issue_changes as (

    select
        work_item_key,
        min(changed_at) as changed_at

    from {{ ref('int_jira_changes') }}

    group by 1

),

jira as (

    select
        issues.work_item_key,
        'jira' as source_system,
        issues.issue_id as source_id,
        issues.issue_key as item_key,
        'issue' as item_kind,
        issues.project_key as scope,
        coalesce(issues.raw_type, 'unknown') as raw_type,
        issues.is_subtask,
        issues.priority,
        issues.points,
        issues.parent_work_item_key,
        issues.team as team_name,
        cast(null as varchar) as service_name,
        issues.status as source_status,
        cast(null as varchar) as initial_status,
        issues.created_at is not null as has_recorded_creation,
        coalesce(
            issues.created_at, first_issue_changes.changed_at, issues.updated_at, {{ as_of() }}
        ) as created_at,
        issues.updated_at,
        issues.resolved_at as ended_at,
        issues.deleted_detected_at as deleted_at

    from issues

    left join first_issue_changes
        on issues.work_item_key = first_issue_changes.work_item_key

),

changes as (

    select
        pull_requests.work_item_key,
        pull_requests.source_system,
        pull_requests.source_id,
        pull_requests.item_key,
        'pull_request' as item_kind,
        pull_requests.repository as scope,
        pull_requests.raw_type,
        false as is_subtask,
        cast(null as varchar) as priority,
        cast(null as double) as points,
        cast(null as varchar) as parent_work_item_key,
        cast(null as varchar) as team_name,
        cast(null as varchar) as service_name,
        cast(null as varchar) as source_status,
        initial_statuses.initial_status,
        pull_requests.opened_at is not null as has_recorded_creation,
        coalesce(
            pull_requests.opened_at, pull_requests.merged_at,
            pull_requests.closed_at, pull_requests.updated_at, {{ as_of() }}
        ) as created_at,
        pull_requests.updated_at,
        cast(null as timestamp) as ended_at,
        pull_requests.deleted_at

    from pull_requests

    left join initial_statuses
        on pull_requests.work_item_key = initial_statuses.work_item_key

),

tracked as (

    select
        work_item_key,
        source_system,
        issue_id as source_id,
        item_key,
        'issue' as item_kind,
        repository as scope,
        raw_type,
        false as is_subtask,
        priority,
        points,
        parent_work_item_key,
        cast(null as varchar) as team_name,
        cast(null as varchar) as service_name,
        source_status,
        initial_status,
        created_at is not null as has_recorded_creation,
        coalesce(created_at, updated_at, {{ as_of() }}) as created_at,
        updated_at,
        closed_at as ended_at,
        deleted_detected_at as deleted_at

    from tracked_issues

),

inbox as (

    select
        work_item_key,
        'inbox' as source_system,
        source_id,
        incident_id as item_key,
        'incident' as item_kind,
        coalesce(service_name, producer) as scope,
        'Incident' as raw_type,
        false as is_subtask,
        cast(null as varchar) as priority,
        cast(null as double) as points,
        cast(null as varchar) as parent_work_item_key,
        cast(null as varchar) as team_name,
        service_name,
        source_status,
        initial_status,
        has_known_start as has_recorded_creation,
        opened_at as created_at,
        updated_at,
        cast(null as timestamp) as ended_at,
        cast(null as timestamp) as deleted_at

    from {{ ref('int_inbox_incidents') }}

),

unioned as (

    select * from jira
    union all
    select * from changes
    union all
    select * from tracked
    union all
    select * from servicenow
    union all
    select * from inbox

),

final as (

    select * from unioned
    where created_at <= {{ as_of() }}

)

select * from final

with

issues as (

    select * from {{ ref('stg_jira__issues') }}

),

pull_requests as (

    select * from {{ ref('stg_github__pull_requests') }}

),

incidents as (

    select * from {{ ref('stg_servicenow__incidents') }}

),

change_requests as (

    select * from {{ ref('stg_servicenow__change_requests') }}

),

groups as (

    select * from {{ ref('stg_servicenow__groups') }}

),

services as (

    select * from {{ ref('stg_servicenow__services') }}

),

labels as (

    select * from {{ ref('int_servicenow_state_labels') }}

),

initial_statuses as (

    select * from {{ ref('int_pull_request_initial_statuses') }}

),

-- Where nobody recorded a creation, an item exists from its first recorded change on.
first_issue_changes as (

    select
        work_item_key,
        min(changed_at) as changed_at

    from {{ ref('stg_jira__issue_changes') }}

    group by 1

),

first_audits as (

    select
        work_item_key,
        min(changed_at) as changed_at

    from {{ ref('stg_servicenow__audits') }}

    group by 1

),

epics as (

    select
        issue_key,
        min(work_item_key) as work_item_key

    from issues

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
        coalesce('jira:' || issues.parent_id, epics.work_item_key) as parent_work_item_key,
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

    left join epics
        on issues.epic_key = epics.issue_key

    left join first_issue_changes
        on issues.work_item_key = first_issue_changes.work_item_key

),

github as (

    select
        pull_requests.work_item_key,
        'github' as source_system,
        pull_requests.pull_request_id as source_id,
        pull_requests.repository || '#' || pull_requests.pull_request_no as item_key,
        'pull_request' as item_kind,
        pull_requests.repository as scope,
        'Pull request' as raw_type,
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
        cast(null as timestamp) as deleted_at

    from pull_requests

    left join initial_statuses
        on pull_requests.work_item_key = initial_statuses.work_item_key

),

servicenow_incidents as (

    select
        incidents.work_item_key,
        'servicenow' as source_system,
        incidents.sys_id as source_id,
        incidents.number as item_key,
        'incident' as item_kind,
        coalesce(groups.name, 'incident') as scope,
        'Incident' as raw_type,
        false as is_subtask,
        incidents.priority,
        cast(null as double) as points,
        cast(null as varchar) as parent_work_item_key,
        groups.name as team_name,
        services.name as service_name,
        coalesce(labels.label, incidents.state) as source_status,
        cast(null as varchar) as initial_status,
        coalesce(incidents.opened_at, incidents.created_at) is not null as has_recorded_creation,
        coalesce(
            incidents.opened_at, incidents.created_at, first_audits.changed_at,
            incidents.updated_at, {{ as_of() }}
        ) as created_at,
        incidents.updated_at,
        coalesce(incidents.resolved_at, incidents.closed_at) as ended_at,
        incidents.deleted_detected_at as deleted_at

    from incidents

    left join groups
        on incidents.assignment_group = groups.group_id

    left join first_audits
        on incidents.work_item_key = first_audits.work_item_key

    left join services
        on coalesce(incidents.business_service, incidents.cmdb_ci) = services.service_id

    left join labels
        on incidents.state = labels.value and labels.table_name = 'incident'

),

servicenow_changes as (

    select
        change_requests.work_item_key,
        'servicenow' as source_system,
        change_requests.sys_id as source_id,
        change_requests.number as item_key,
        'change_request' as item_kind,
        coalesce(groups.name, 'change_request') as scope,
        coalesce(change_requests.change_type, 'unknown') as raw_type,
        false as is_subtask,
        change_requests.priority,
        cast(null as double) as points,
        cast(null as varchar) as parent_work_item_key,
        groups.name as team_name,
        services.name as service_name,
        coalesce(labels.label, change_requests.state) as source_status,
        cast(null as varchar) as initial_status,
        coalesce(change_requests.opened_at, change_requests.created_at) is not null
            as has_recorded_creation,
        coalesce(
            change_requests.opened_at, change_requests.created_at, first_audits.changed_at,
            change_requests.updated_at, {{ as_of() }}
        ) as created_at,
        change_requests.updated_at,
        change_requests.closed_at as ended_at,
        change_requests.deleted_detected_at as deleted_at

    from change_requests

    left join groups
        on change_requests.assignment_group = groups.group_id

    left join first_audits
        on change_requests.work_item_key = first_audits.work_item_key

    left join services
        on coalesce(change_requests.business_service, change_requests.cmdb_ci) = services.service_id

    left join labels
        on change_requests.state = labels.value and labels.table_name = 'change_request'

),

unioned as (

    select * from jira
    union all
    select * from github
    union all
    select * from servicenow_incidents
    union all
    select * from servicenow_changes

),

final as (

    select * from unioned
    where created_at <= {{ as_of() }}

)

select * from final

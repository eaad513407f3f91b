with

issues as (

    select * from {{ ref('stg_jira__issues') }}

),

names as (

    select * from {{ ref('int_jira_names') }}
    where row_num = 1 and not is_foreign

),

issue_keys as (

    select * from {{ ref('int_jira_issue_keys') }}

),

final as (

    select
        issues.issue_id,
        issues.work_item_key,
        issues.issue_key,
        issues.project_id,
        issues.project_key,
        coalesce(types.name, issues.raw_type) as raw_type,
        issues.is_subtask,
        coalesce(statuses.name, issues.status) as status,
        coalesce(priorities.name, issues.priority) as priority,
        coalesce(resolutions.name, issues.resolution) as resolution,
        coalesce('jira:' || issues.parent_id, epics.work_item_key, parents.work_item_key)
            as parent_work_item_key,
        coalesce(teams.name, issues.team) as team,
        issues.team_field,
        issues.points,
        issues.points_field,
        issues.is_flagged,
        issues.created_at,
        issues.updated_at,
        issues.resolved_at,
        issues.deleted_detected_at

    from issues

    left join names as types
        on types.object = 'issue_type' and issues.type_id = types.id

    left join names as statuses
        on statuses.object = 'status' and issues.status_id = statuses.id

    left join names as priorities
        on priorities.object = 'priority' and issues.priority_id = priorities.id

    left join names as resolutions
        on resolutions.object = 'resolution' and issues.resolution_id = resolutions.id

    left join names as teams
        on teams.object = 'team' and issues.team_id = teams.id

    left join issue_keys as epics
        on issues.epic_key = epics.issue_key

    left join issue_keys as parents
        on issues.parent_key = parents.issue_key

)

select * from final

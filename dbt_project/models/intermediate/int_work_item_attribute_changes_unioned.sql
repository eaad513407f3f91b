with

issue_changes as (

    select * from {{ ref('int_jira_changes') }}

),

projects as (

    select * from {{ ref('stg_jira__projects') }}

),

issues as (

    select * from {{ ref('int_jira_issues') }}

),

issue_keys as (

    select * from {{ ref('int_jira_issue_keys') }}

),

github_parents as (

    select
        *,
        lag(case when event = 'parent_issue_added' then parent_work_item_key end) over (
            partition by work_item_key
            order by happened_at, issue_event_id
        ) as old_parent_work_item_key,
        row_number() over (
            partition by work_item_key
            order by happened_at, issue_event_id
        ) as event_no

    from {{ ref('stg_github__issue_events') }}

    where event in ('parent_issue_added', 'parent_issue_removed')

),

audits as (

    select * from {{ ref('stg_servicenow__audits') }}

),

records as (

    select * from {{ ref('int_servicenow_records') }}

),

groups as (

    select * from {{ ref('stg_servicenow__groups') }}

),

jira_fields as (

    select
        'jira:' || issue_changes.issue_change_id as source_event_id,
        issue_changes.work_item_key,
        case issue_changes.field
            when 'issuetype' then 'raw_type'
            when 'priority' then 'priority'
            when 'Story Points' then 'points'
            when 'Team' then 'team'
        end as attribute,
        issue_changes.from_value,
        issue_changes.to_value,
        issue_changes.order_no * 1000 + issue_changes.item_no as order_no,
        issue_changes.changed_at,
        issue_changes.field_id,
        case issue_changes.field
            when 'Story Points' then issues.points_field
            when 'Team' then issues.team_field
        end as used_field

    from issue_changes

    left join issues
        on issue_changes.work_item_key = issues.work_item_key

    where issue_changes.field in ('issuetype', 'priority', 'Story Points', 'Team')

),

-- Two fields may tell of the points, or of the team. The one that tells them now does so from its
-- first change on, and any other one before that.
jira_attributes as (

    select
        source_event_id,
        work_item_key,
        attribute,
        from_value,
        to_value,
        order_no,
        changed_at

    from (
        select
            *,
            min(case when field_id = used_field then changed_at end) over (
                partition by work_item_key, attribute
            ) as used_since

        from jira_fields
    ) as fields_then

    where
        field_id is null
        or used_field is null
        or field_id = used_field
        or changed_at < used_since

),

jira_parents as (

    select
        'jira:' || issue_changes.issue_change_id as source_event_id,
        issue_changes.work_item_key,
        'parent' as attribute,
        coalesce('jira:' || nullif(issue_changes.from_id, ''), old_parents.work_item_key)
            as from_value,
        coalesce('jira:' || nullif(issue_changes.to_id, ''), new_parents.work_item_key)
            as to_value,
        issue_changes.order_no * 1000 + issue_changes.item_no as order_no,
        issue_changes.changed_at

    from issue_changes

    left join issue_keys as old_parents
        on issue_changes.from_name = old_parents.issue_key

    left join issue_keys as new_parents
        on issue_changes.to_name = new_parents.issue_key

    where issue_changes.field in ('Parent', 'Epic Link', 'Parent Link')

),

-- One entry tells of a move twice: by the ids of the projects, and by the keys of the issue. An
-- id is that of a project whatever it was called then; a key is all there is where the project
-- is not shown any more. Either may be missing.
jira_moves as (

    select
        issue_changes.work_item_key,
        issue_changes.history_id,
        max(case when issue_changes.field = 'project' then old_projects.project_key end)
            as from_project,
        max(case when issue_changes.field = 'project' then new_projects.project_key end)
            as to_project,
        max(case when issue_changes.field = 'Key' then nullif(issue_changes.from_name, '') end)
            as from_key,
        max(case when issue_changes.field = 'Key' then nullif(issue_changes.to_name, '') end)
            as to_key,
        min(issue_changes.order_no) as entry_no,
        min(issue_changes.item_no) as item_no,
        min(issue_changes.changed_at) as changed_at

    from issue_changes

    left join projects as old_projects
        on issue_changes.from_id = old_projects.project_id

    left join projects as new_projects
        on issue_changes.to_id = new_projects.project_id

    where issue_changes.field in ('Key', 'project')

    group by 1, 2

),

jira_scopes as (

    select
        'jira:' || work_item_key || ':' || history_id || ':scope' as source_event_id,
        work_item_key,
        'scope' as attribute,
        coalesce(from_project, split_part(from_key, '-', 1)) as from_value,
        coalesce(to_project, split_part(to_key, '-', 1)) as to_value,
        entry_no * 1000 + item_no as order_no,
        changed_at

    from jira_moves

),

jira_keys as (

    select
        'jira:' || work_item_key || ':' || history_id || ':key' as source_event_id,
        work_item_key,
        'item_key' as attribute,
        from_key as from_value,
        to_key as to_value,
        entry_no * 1000 + item_no as order_no,
        changed_at

    from jira_moves

    where from_key is not null or to_key is not null

),

audited as (

    select
        audits.audit_id,
        audits.work_item_key,
        audits.field,
        audits.from_value,
        audits.to_value,
        old_groups.name as from_group,
        new_groups.name as to_group,
        split_part(audits.work_item_key, ':', 2) as kind,
        old_parents.work_item_key as from_parent,
        new_parents.work_item_key as to_parent,
        coalesce(audits.update_no, 0) as order_no,
        audits.changed_at

    from audits

    left join groups as old_groups
        on audits.from_value = old_groups.group_id

    left join groups as new_groups
        on audits.to_value = new_groups.group_id

    left join records as old_parents
        on audits.from_value = old_parents.source_id and old_parents.deleted_at is null

    left join records as new_parents
        on audits.to_value = new_parents.source_id and new_parents.deleted_at is null

    where audits.field in ('assignment_group', 'priority', 'parent')

),

servicenow as (

    select
        'servicenow:' || audit_id || ':scope' as source_event_id,
        work_item_key,
        'scope' as attribute,
        coalesce(from_group, kind) as from_value,
        coalesce(to_group, kind) as to_value,
        order_no,
        changed_at

    from audited

    where field = 'assignment_group'

    union all

    select
        'servicenow:' || audit_id || ':team' as source_event_id,
        work_item_key,
        'team' as attribute,
        from_group as from_value,
        to_group as to_value,
        order_no,
        changed_at

    from audited

    where field = 'assignment_group'

    union all

    select
        'servicenow:' || audit_id || ':priority' as source_event_id,
        work_item_key,
        'priority' as attribute,
        nullif(from_value, '') as from_value,
        nullif(to_value, '') as to_value,
        order_no,
        changed_at

    from audited

    where field = 'priority'

    union all

    select
        'servicenow:' || audit_id || ':parent' as source_event_id,
        work_item_key,
        'parent' as attribute,
        from_parent as from_value,
        to_parent as to_value,
        order_no,
        changed_at

    from audited

    where field = 'parent'

),

-- The event that names a parent first may be a removal: it was there before.
github as (

    select
        'github:' || issue_event_id || ':parent' as source_event_id,
        work_item_key,
        'parent' as attribute,
        case
            when event = 'parent_issue_removed' then parent_work_item_key
            else old_parent_work_item_key
        end as from_value,
        case when event = 'parent_issue_added' then parent_work_item_key end as to_value,
        event_no as order_no,
        happened_at as changed_at

    from github_parents

),

unioned as (

    select * from jira_attributes
    union all
    select * from jira_parents
    union all
    select * from jira_scopes
    union all
    select * from jira_keys
    union all
    select * from github
    union all
    select * from servicenow

),

final as (

    select * from unioned
    where changed_at <= {{ as_of() }}

)

select * from final

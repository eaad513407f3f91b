with

issue_changes as (

    select * from {{ ref('stg_jira__issue_changes') }}

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

jira as (

    select
        'jira:' || issue_change_id as source_event_id,
        work_item_key,
        case
            when field = 'Key' then 'scope'
            when field = 'issuetype' then 'raw_type'
            when field = 'priority' then 'priority'
            when field in ('Parent', 'IssueParentAssociation', 'Epic Link') then 'parent'
            when field in ('Story Points', 'Story point estimate') then 'points'
            when field = 'Team' then 'team'
        end as attribute,
        case
            when field = 'Key' then split_part(from_name, '-', 1)
            when field in ('Parent', 'IssueParentAssociation', 'Epic Link')
                then 'jira:' || nullif(from_id, '')
            else nullif(from_name, '')
        end as from_value,
        case
            when field = 'Key' then split_part(to_name, '-', 1)
            when field in ('Parent', 'IssueParentAssociation', 'Epic Link')
                then 'jira:' || nullif(to_id, '')
            else nullif(to_name, '')
        end as to_value,
        coalesce(cast({{ safe_cast_text('history_id', 'bigint') }} as bigint), 0) * 1000
        + item_no as order_no,
        changed_at

    from issue_changes

    where
        field in (
            'Key', 'issuetype', 'priority', 'Parent', 'IssueParentAssociation', 'Epic Link',
            'Story Points', 'Story point estimate', 'Team'
        )

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

-- A key carries its project: a move changes both.
jira_keys as (

    select
        'jira:' || issue_change_id || ':key' as source_event_id,
        work_item_key,
        'item_key' as attribute,
        nullif(from_name, '') as from_value,
        nullif(to_name, '') as to_value,
        coalesce(cast({{ safe_cast_text('history_id', 'bigint') }} as bigint), 0) * 1000
        + item_no as order_no,
        changed_at

    from issue_changes

    where field = 'Key'

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

    select * from jira
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

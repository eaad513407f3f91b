with

issue_changes as (

    select * from {{ ref('stg_jira__issue_changes') }}

),

audits as (

    select * from {{ ref('stg_servicenow__audits') }}

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
        audits.table_name,
        coalesce(audits.update_no, 0) as order_no,
        audits.changed_at

    from audits

    left join groups as old_groups
        on audits.from_value = old_groups.group_id

    left join groups as new_groups
        on audits.to_value = new_groups.group_id

    where audits.field in ('assignment_group', 'priority')

),

servicenow as (

    select
        'servicenow:' || audit_id || ':scope' as source_event_id,
        work_item_key,
        'scope' as attribute,
        coalesce(from_group, table_name) as from_value,
        coalesce(to_group, table_name) as to_value,
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

unioned as (

    select * from jira
    union all
    select * from jira_keys
    union all
    select * from servicenow

),

final as (

    select * from unioned
    where changed_at <= {{ as_of() }}

)

select * from final

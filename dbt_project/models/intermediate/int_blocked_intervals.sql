with

flags as (

    select * from {{ ref('int_jira_changes') }}
    where field = 'Flagged' and changed_at <= {{ as_of() }}

),

issues as (

    select * from {{ ref('int_jira_issues') }}

),

work_items as (

    select * from {{ ref('int_work_items_unioned') }}

),

switches as (

    select
        issue_change_id,
        work_item_key,
        to_name as reason,
        to_name is not null as is_up,
        changed_at,
        from_name is not null and row_number() over in_order = 1 as is_up_before,
        lead(changed_at) over in_order as next_at

    from flags

    window in_order as (
        partition by work_item_key
        order by changed_at, order_no, item_no
    )

),

-- A flag that was set at creation (an issue was cloned) has no entry of its own.
set_at_creation as (

    select
        work_items.work_item_key || ':flagged' as blocked_interval_key,
        work_items.work_item_key,
        flags.from_name as reason,
        work_items.created_at as blocked_from,
        switches.changed_at as blocked_to

    from switches

    inner join flags
        on switches.issue_change_id = flags.issue_change_id

    inner join work_items
        on switches.work_item_key = work_items.work_item_key

    where switches.is_up_before and switches.changed_at > work_items.created_at

    union all

    select
        work_items.work_item_key || ':flagged' as blocked_interval_key,
        work_items.work_item_key,
        cast(null as varchar) as reason,
        work_items.created_at as blocked_from,
        cast(null as timestamp) as blocked_to

    from issues

    inner join work_items
        on issues.work_item_key = work_items.work_item_key

    left join switches
        on issues.work_item_key = switches.work_item_key

    where issues.is_flagged and switches.work_item_key is null

),

final as (

    select
        'jira:' || switches.issue_change_id as blocked_interval_key,
        switches.work_item_key,
        switches.reason,
        'flag' as source,
        greatest(switches.changed_at, work_items.created_at) as blocked_from,
        switches.next_at as blocked_to

    from switches

    inner join work_items
        on switches.work_item_key = work_items.work_item_key

    where switches.is_up

    union all

    select
        blocked_interval_key,
        work_item_key,
        reason,
        'flag' as source,
        blocked_from,
        blocked_to

    from set_at_creation

)

select * from final

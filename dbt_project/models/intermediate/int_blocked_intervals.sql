with

flags as (

    select * from {{ ref('stg_jira__issue_changes') }}
    where field = 'Flagged' and changed_at <= {{ as_of() }}

),

work_items as (

    select * from {{ ref('int_work_items_unioned') }}

),

switches as (

    select
        issue_change_id,
        work_item_key,
        nullif(to_name, '') as reason,
        nullif(to_name, '') is not null as is_up,
        changed_at,
        lead(changed_at) over (
            partition by work_item_key
            order by
                changed_at,
                {{ safe_cast_text('history_id', 'bigint') }},
                item_no
        ) as next_at

    from flags

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

)

select * from final

with

issues as (

    select * from {{ ref('int_issues_described') }}

),

events as (

    select * from {{ ref('int_issue_events_unioned') }}

),

numbered as (

    select
        events.*,
        issues.initial_status,
        issues.open_status,
        row_number() over in_order as order_no,
        count(events.added) over in_order as addition_no,
        count(events.state) over in_order as state_no

    from events

    inner join issues
        on events.work_item_key = issues.work_item_key

    window in_order as (
        partition by events.work_item_key
        order by events.happened_at, events.sort_order, events.source_event_id
        rows between unbounded preceding and current row
    )

),

-- What stands since the last addition, and since the last change of state.
standing as (

    select
        *,
        case
            when addition_no = 0 then nullif(initial_status, open_status)
            else max(added) over (partition by work_item_key, addition_no)
        end as label,
        max(state) over (partition by work_item_key, state_no) as last_state

    from numbered

),

with_statuses as (

    select
        *,
        case
            when state_no > 0 and last_state <> 'reopened' then last_state
            when
                max(case when removed = label then 1 else 0 end) over (
                    partition by work_item_key, addition_no
                    order by order_no
                    rows between unbounded preceding and current row
                ) = 1
                then open_status
            else coalesce(label, open_status)
        end as to_status

    from standing

),

final as (

    select
        source_event_id,
        work_item_key,
        coalesce(
            lag(to_status) over (
                partition by work_item_key
                order by order_no
            ),
            initial_status
        ) as from_status,
        to_status,
        actor_key,
        actor_type,
        order_no,
        happened_at as changed_at

    from with_statuses

)

select * from final

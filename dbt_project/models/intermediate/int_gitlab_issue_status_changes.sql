with

issues as (

    select * from {{ ref('int_gitlab_issues_described') }}

),

label_events as (

    select * from {{ ref('stg_gitlab__issue_label_events') }}
    where label_scope in ('workflow', 'status', 'stage', 'state', 'phase')

),

state_events as (

    select * from {{ ref('stg_gitlab__issue_state_events') }}
    where state in ('closed', 'reopened')

),

-- Where no event tells of the closing, the issue itself does.
untold as (

    select
        issues.work_item_key,
        issues.closed_at

    from issues

    where
        issues.closed_at is not null
        and not exists (
            select 1 from state_events
            where
                state_events.work_item_key = issues.work_item_key
                and state_events.state = 'closed'
        )

),

-- A scoped label replaces another one of its scope: the addition counts, the removal follows it.
events as (

    select
        'gitlab:label:' || label_event_id as source_event_id,
        work_item_key,
        case when action = 'add' then label end as added,
        case when action = 'remove' then label end as removed,
        cast(null as varchar) as state,
        actor_key,
        actor_type,
        case when action = 'add' then 0 else 1 end as place,
        happened_at

    from label_events

    union all

    select
        'gitlab:state:' || state_event_id as source_event_id,
        work_item_key,
        cast(null as varchar) as added,
        cast(null as varchar) as removed,
        state,
        actor_key,
        actor_type,
        2 as place,
        happened_at

    from state_events

    union all

    select
        work_item_key || ':closed' as source_event_id,
        work_item_key,
        cast(null as varchar) as added,
        cast(null as varchar) as removed,
        'closed' as state,
        cast(null as varchar) as actor_key,
        cast(null as varchar) as actor_type,
        3 as place,
        closed_at as happened_at

    from untold

),

numbered as (

    select
        events.*,
        issues.initial_status,
        row_number() over in_order as order_no,
        count(events.added) over in_order as addition_no,
        count(events.state) over in_order as state_no

    from events

    inner join issues
        on events.work_item_key = issues.work_item_key

    window in_order as (
        partition by events.work_item_key
        order by events.happened_at, events.place, events.source_event_id
        rows between unbounded preceding and current row
    )

),

-- What stands since the last addition, and since the last change of state.
standing as (

    select
        *,
        case
            when addition_no = 0 then nullif(initial_status, 'opened')
            else max(added) over (partition by work_item_key, addition_no)
        end as label,
        max(state) over (partition by work_item_key, state_no) as last_state

    from numbered

),

with_statuses as (

    select
        *,
        case
            when state_no > 0 and last_state = 'closed' then 'closed'
            when
                max(case when removed = label then 1 else 0 end) over (
                    partition by work_item_key, addition_no
                    order by order_no
                    rows between unbounded preceding and current row
                ) = 1
                then 'opened'
            else coalesce(label, 'opened')
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

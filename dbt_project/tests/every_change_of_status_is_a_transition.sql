with

recorded as (

    select
        work_item_key,
        count(*) as changes

    from {{ ref('int_status_changes_unioned') }}

    where has_happened

    group by 1

),

told as (

    select
        work_item_key,
        count(case when not is_synthetic then 1 end) as transitions

    from {{ ref('fct_status_transitions') }}

    group by 1

),

ordered as (

    select
        work_item_key,
        to_status,
        coalesce(
            lag(to_status) over (
                partition by work_item_key
                order by changed_at, order_no, order_in_event, source_event_id
            ),
            from_status
        ) as previous_status

    from {{ ref('int_status_changes_unioned') }}

    where has_happened

),

standing as (

    select
        work_item_key,
        count(*) as standing

    from ordered

    where to_status = previous_status

    group by 1

)

select recorded.work_item_key

from recorded

left join told
    on recorded.work_item_key = told.work_item_key

left join standing
    on recorded.work_item_key = standing.work_item_key

where recorded.changes <> coalesce(told.transitions, 0) + coalesce(standing.standing, 0)

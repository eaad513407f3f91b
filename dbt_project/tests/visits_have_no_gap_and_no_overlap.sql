-- The moments of visits on one side; on the other the creation that the source tells, and the
-- moments at which its statuses changed.
with

visits as (

    select
        *,
        lead(entered_at) over in_time as next_entered_at,
        lead(visit_seq) over in_time as next_visit_seq,
        lag(entered_at) over in_time as last_entered_at

    from {{ ref('fct_stage_visits') }}

    window in_time as (
        partition by work_item_key
        order by entered_at, visit_seq
    )

),

creations as (

    select
        work_item_key,
        created_at

    from {{ ref('int_work_items_unioned') }}

),

moments as (

    select distinct
        work_item_key,
        changed_at

    from {{ ref('int_status_transitions') }}

)

select visits.stage_visit_key

from visits

left join creations
    on visits.work_item_key = creations.work_item_key

left join moments
    on
        visits.work_item_key = moments.work_item_key
        and visits.entered_at = moments.changed_at

where
    moments.changed_at is null
    or visits.exited_at is distinct from visits.next_entered_at
    or visits.exited_at < visits.entered_at
    or visits.next_visit_seq <> visits.visit_seq + 1
    or (visits.last_entered_at is null and visits.entered_at is distinct from creations.created_at)
    or (visits.last_entered_at is null and visits.visit_seq <> 1)

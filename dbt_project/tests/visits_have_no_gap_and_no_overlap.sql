with

visits as (

    select
        *,
        lead(entered_at) over (
            partition by work_item_key
            order by visit_seq
        ) as next_entered_at

    from {{ ref('fct_stage_visits') }}

),

births as (

    select
        work_item_key,
        created_at

    from {{ ref('dim_work_items') }}

    where is_current

)

select visits.stage_visit_key

from visits

inner join births
    on visits.work_item_key = births.work_item_key

where
    visits.exited_at is distinct from visits.next_entered_at
    or visits.exited_at < visits.entered_at
    or (visits.visit_seq = 1 and visits.entered_at <> births.created_at)
    or (visits.is_open and visits.next_entered_at is not null)

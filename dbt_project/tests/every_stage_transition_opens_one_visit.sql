with

visits as (

    select
        work_item_key,
        count(*) as visits

    from {{ ref('fct_stage_visits') }}

    group by 1

),

transitions as (

    select
        work_item_key,
        count(*) as transitions

    from {{ ref('fct_stage_transitions') }}

    group by 1

)

select coalesce(visits.work_item_key, transitions.work_item_key) as work_item_key

from visits

full join transitions
    on visits.work_item_key = transitions.work_item_key

where visits.visits is distinct from transitions.transitions

-- Three counts: the changes of stage that follow from the recorded statuses and the seeds, the
-- stage transitions, and the visits.
with

recounted as (

    select
        work_item_key,
        stage_key,
        row_number() over (
            partition by work_item_key
            order by transition_seq
        ) as row_num

    from (
        select
            *,
            lag(stage_key) over (
                partition by work_item_key
                order by transition_seq
            ) as stage_key_before

        from {{ ref('check_staged_statuses') }}
    ) as chained

    where stage_key_before is null or stage_key_before <> stage_key

),

visits as (

    select
        work_item_key,
        visit_seq,
        stage_key,
        row_number() over (
            partition by work_item_key, stage_key
            order by visit_seq
        ) as times_there,
        visit_no

    from {{ ref('fct_stage_visits') }}

),

transitions as (

    select
        transitions.work_item_key,
        transitions.transition_seq,
        stages.stage_key

    from {{ ref('fct_stage_transitions') }} as transitions

    inner join {{ ref('dim_work_items') }} as work_items
        on transitions.work_item_key = work_items.work_item_key and work_items.is_current

    inner join {{ ref('dim_stages') }} as stages
        on
            work_items.workflow = stages.workflow
            and transitions.to_stage = stages.stage

)

select
    coalesce(recounted.work_item_key, visits.work_item_key, transitions.work_item_key)
        as work_item_key,
    coalesce(recounted.row_num, visits.visit_seq, transitions.transition_seq) as row_num,
    recounted.stage_key as stage_of_statuses,
    transitions.stage_key as stage_of_transition,
    visits.stage_key as stage_of_visit

from recounted

full join transitions
    on
        recounted.work_item_key = transitions.work_item_key
        and recounted.row_num = transitions.transition_seq

full join visits
    on
        coalesce(recounted.work_item_key, transitions.work_item_key) = visits.work_item_key
        and coalesce(recounted.row_num, transitions.transition_seq) = visits.visit_seq

where
    recounted.stage_key is distinct from transitions.stage_key
    or recounted.stage_key is distinct from visits.stage_key
    or visits.visit_no is distinct from visits.times_there

-- Three counts: the changes of stage that follow from the recorded statuses and the seeds, the
-- stage transitions, and the visits. Grouped, not joined: two full joins of ten million rows do not
-- fit into the memory that a build has.
with

recounted as (

    select
        work_item_key,
        stage_key,
        row_number() over (
            partition by work_item_key
            order by transition_seq
        ) as seq

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

),

counted as (

    select
        work_item_key,
        seq,
        'statuses' as counted_from,
        stage_key,
        true as is_counted_right
    from recounted
    union all
    select
        work_item_key,
        transition_seq,
        'transitions',
        stage_key,
        true
    from transitions
    union all
    select
        work_item_key,
        visit_seq,
        'visits',
        stage_key,
        visit_no = times_there
    from visits

)

select
    work_item_key,
    seq,
    max(case when counted_from = 'statuses' then stage_key end) as stage_of_statuses,
    max(case when counted_from = 'transitions' then stage_key end) as stage_of_transition,
    max(case when counted_from = 'visits' then stage_key end) as stage_of_visit

from counted

group by 1, 2

having
    count(case when counted_from = 'statuses' then 1 end) <> 1
    or count(case when counted_from = 'transitions' then 1 end) <> 1
    or count(case when counted_from = 'visits' then 1 end) <> 1
    or min(stage_key) <> max(stage_key)
    or count(stage_key) not in (0, 3)
    or min(case when is_counted_right then 1 else 0 end) = 0

-- Three histories of stages for each item: what follows from the recorded statuses and the seeds,
-- the stage transitions, and the visits. Each is put together first: to compare ten million steps
-- one by one takes more memory than a build has.
with

chained as (

    select
        work_item_key,
        transition_seq,
        stage_key,
        lag(stage_key) over (
            partition by work_item_key
            order by transition_seq
        ) as stage_key_before

    from {{ ref('check_staged_statuses') }}

),

recounted as (

    select
        work_item_key,
        {{ joined_texts('stage_key', 'transition_seq') }} as stages

    from chained

    where stage_key_before is null or stage_key_before <> stage_key

    group by work_item_key

),

transitions as (

    select
        transitions.work_item_key,
        {{ joined_texts('stages.stage_key', 'transitions.transition_seq') }} as stages

    from {{ ref('fct_stage_transitions') }} as transitions

    inner join {{ ref('dim_work_items') }} as work_items
        on transitions.work_item_key = work_items.work_item_key and work_items.is_current

    inner join {{ ref('dim_stages') }} as stages
        on
            work_items.workflow = stages.workflow
            and transitions.to_stage = stages.stage

    group by transitions.work_item_key

),

visits as (

    select
        work_item_key,
        {{ joined_texts('stage_key', 'visit_seq') }} as stages

    from {{ ref('fct_stage_visits') }}

    group by work_item_key

),

histories as (

    select
        work_item_key,
        stages
    from recounted
    union all
    select
        work_item_key,
        stages
    from transitions
    union all
    select
        work_item_key,
        stages
    from visits

),

numbered as (

    select
        work_item_key,
        stage_key,
        visit_no,
        coalesce(
            lag(visit_no) over (
                partition by work_item_key, stage_key
                order by visit_seq
            ),
            0
        ) as visit_no_before

    from {{ ref('fct_stage_visits') }}

)

select
    work_item_key,
    min(stages) as one_history,
    max(stages) as another_history

from histories

group by work_item_key

having count(*) <> 3 or min(stages) <> max(stages)

union all

select
    work_item_key,
    stage_key,
    'the visits of this stage are not numbered one by one'

from numbered

where visit_no <> visit_no_before + 1

-- Three histories of stages for each item: what follows from the recorded statuses and the seeds,
-- the stage transitions, and the visits. Each is summed up first, as numbers that stand for its
-- steps: to compare ten million of them one by one takes more memory than a build has.
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
        stage_key,
        row_number() over (
            partition by work_item_key
            order by transition_seq
        ) as step_no

    from chained

    where stage_key_before is null or stage_key_before <> stage_key

),

stages as (

    select * from {{ ref('dim_stages') }}

),

steps as (

    select
        work_item_key,
        'recounted' as told_by,
        {{ hash_of("cast(step_no as varchar) || '|' || stage_key") }} as step
    from recounted

    union all

    select
        transitions.work_item_key,
        'transitions' as told_by,
        {{ hash_of("cast(transitions.transition_seq as varchar) || '|' || stages.stage_key") }}
            as step
    from {{ ref('fct_stage_transitions') }} as transitions
    inner join {{ ref('dim_work_items') }} as work_items
        on transitions.work_item_key = work_items.work_item_key and work_items.is_current
    inner join stages
        on
            work_items.workflow = stages.workflow
            and transitions.to_stage = stages.stage

    union all

    select
        work_item_key,
        'visits' as told_by,
        {{ hash_of("cast(visit_seq as varchar) || '|' || stage_key") }} as step
    from {{ ref('fct_stage_visits') }}

),

histories as (

    select
        work_item_key,
        count(case when told_by = 'recounted' then 1 end) as recounted_steps,
        count(case when told_by = 'transitions' then 1 end) as transition_steps,
        count(case when told_by = 'visits' then 1 end) as visit_steps,
        coalesce(sum(case when told_by = 'recounted' then step end), 0) as recounted_sum,
        coalesce(sum(case when told_by = 'transitions' then step end), 0) as transition_sum,
        coalesce(sum(case when told_by = 'visits' then step end), 0) as visit_sum

    from steps

    group by work_item_key

),

numbered as (

    select
        work_item_key,
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
    recounted_steps,
    transition_steps,
    visit_steps,
    'the histories of its stages are not the same' as fault

from histories

where
    recounted_steps <> transition_steps
    or recounted_steps <> visit_steps
    or recounted_sum <> transition_sum
    or recounted_sum <> visit_sum

union all

select
    work_item_key,
    null as recounted_steps,
    null as transition_steps,
    visit_no as visit_steps,
    'the visits of a stage are not numbered one by one' as fault

from numbered

where visit_no <> visit_no_before + 1

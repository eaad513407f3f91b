{{ config(materialized='incremental', incremental_strategy='items') }}

with

visits as (

    select
        visits.*,
        stages.is_started_boundary or stages.ordinal > boundaries.started_ordinal as is_beyond_start

    from {{ ref('fct_stage_visits') }} as visits

    inner join {{ ref('dim_stages') }} as stages
        on visits.stage_key = stages.stage_key

    left join (
        select
            workflow,
            min(case when is_started_boundary and ordinal > 0 then ordinal end)
                as started_ordinal

        from {{ ref('dim_stages') }}

        group by 1
    ) as boundaries
        on stages.workflow = boundaries.workflow

    {{ only_touched(ages="outcome = 'open'") }}

),

work_items as (

    select * from {{ ref('dim_work_items') }}
    {{ only_touched(ages="outcome = 'open'") }}

),

-- What starts and ends within one instant has not been worked on.
moments as (

    select
        work_item_key,
        attempt_no,
        max(visit_seq) as last_visit_seq,
        min(entered_at) as begins_at,
        max(case when flow_state = 'done' then entered_at end) as last_done_at,
        min(
            case
                when
                    flow_state in ('wait', 'active')
                    and is_beyond_start
                    and (is_open or elapsed_s > 0)
                    then entered_at
            end
        ) as started_at

    from visits

    group by 1, 2

),

endings as (

    select
        moments.work_item_key,
        moments.attempt_no,
        moments.begins_at,
        moments.started_at,
        moments.last_done_at,
        case
            when visits.stage = 'deleted' then 'deleted'
            when visits.flow_state in ('done', 'cancelled') then visits.flow_state
            else 'open'
        end as outcome,
        case when visits.flow_state in ('done', 'cancelled') then visits.entered_at end as ended_at

    from moments

    inner join visits
        on
            moments.work_item_key = visits.work_item_key
            and moments.last_visit_seq = visits.visit_seq

),

sums as (

    select
        visits.work_item_key,
        visits.attempt_no,
        sum(visits.business_s) as start_to_end_business_s,
        -- Nobody works in a stage that ends the flow: of it there are no active seconds.
        sum(visits.active_s) as active_s,
        sum(case when visits.flow_state not in ('done', 'cancelled') then visits.elapsed_s end)
            as in_flow_s,
        sum(case when visits.flow_state not in ('done', 'cancelled') then visits.wait_s end)
            as wait_s,
        sum(case when visits.is_rework then visits.elapsed_s end) as rework_s

    from visits

    inner join endings
        on
            visits.work_item_key = endings.work_item_key
            and visits.attempt_no = endings.attempt_no

    where
        visits.entered_at >= endings.started_at
        and (endings.ended_at is null or visits.entered_at < endings.ended_at)

    group by 1, 2

),

latest as (

    select
        *,
        attempt_no = max(attempt_no) over (partition by work_item_key) as is_latest,
        count(case when outcome = 'deleted' then 1 end) over (partition by work_item_key)
            as deletions

    from endings

),

final as (

    select
        endings.work_item_key || '/' || endings.attempt_no as flow_attempt_key,
        endings.work_item_key,
        work_items.work_item_version_key,
        endings.attempt_no,
        endings.outcome,
        endings.is_latest,
        cast(
            case
                when endings.outcome = 'done'
                    then {{ seconds_between('endings.started_at', 'endings.ended_at') }}
            end as bigint
        ) as start_to_done_s,
        cast(case when endings.outcome = 'done' then sums.start_to_end_business_s end as bigint)
            as start_to_done_business_s,
        cast(coalesce(sums.in_flow_s, 0) as bigint) as in_flow_s,
        cast(coalesce(sums.active_s, 0) as bigint) as active_s,
        cast(coalesce(sums.wait_s, 0) as bigint) as wait_s,
        cast(coalesce(sums.rework_s, 0) as bigint) as rework_s,
        endings.begins_at,
        endings.started_at,
        -- Work that is taken up again ages from then on, wherever it waits.
        coalesce(endings.started_at, case when endings.attempt_no > 1 then endings.begins_at end)
            as aging_since_at,
        endings.last_done_at,
        -- Reopened soon, an item is finished when it is done again; deleted, it counts nowhere.
        case
            when
                endings.deletions = 0 and (endings.outcome = 'cancelled' or not endings.is_latest)
                then endings.last_done_at
        end as earlier_finish_at,
        endings.ended_at

    from latest as endings

    left join sums
        on
            endings.work_item_key = sums.work_item_key
            and endings.attempt_no = sums.attempt_no

    left join work_items
        on
            endings.work_item_key = work_items.work_item_key
            and {{ valid_at('work_items', 'coalesce(endings.ended_at, ' ~ as_of() ~ ')') }}

)

select * from final

with

visits as (

    select * from {{ ref('fct_stage_visits') }}

),

stages as (

    select * from {{ ref('dim_stages') }}

),

work_items as (

    select * from {{ ref('dim_work_items') }}
    where is_current

),

transitions as (

    select * from {{ ref('fct_stage_transitions') }}

),

status_transitions as (

    select * from {{ ref('int_status_transitions') }}

),

checked_histories as (

    select * from {{ ref('int_histories_checked') }}

),

described_items as (

    select * from {{ ref('int_work_items_unioned') }}

),

boundaries as (

    select
        workflow,
        min(case when is_started_boundary then ordinal end) as started_ordinal,
        min(case when is_ready_boundary then ordinal end) as ready_ordinal,
        count(case when flow_state = 'wait' and stage <> 'unmapped' then 1 end) as wait_stages

    from stages

    group by 1

),

placed_visits as (

    select
        visits.*,
        stages.ordinal,
        boundaries.started_ordinal,
        boundaries.ready_ordinal,
        boundaries.wait_stages

    from visits

    inner join stages
        on visits.stage_key = stages.stage_key

    inner join boundaries
        on stages.workflow = boundaries.workflow

),

moments as (

    select
        work_item_key,
        max(wait_stages) as wait_stages,
        min(entered_at) as born_at,
        min(
            case when flow_state in ('wait', 'active') and stage <> 'unmapped' then entered_at end
        ) as committed_at,
        min(
            case
                when flow_state in ('wait', 'active') and ordinal >= started_ordinal
                    then entered_at
            end
        ) as started_at,
        min(
            case
                when flow_state <> 'cancelled' and ordinal >= ready_ordinal then entered_at
            end
        ) as ready_at,
        min(case when flow_state = 'done' then entered_at end) as first_done_at,
        max(case when is_terminal and flow_state = 'done' then entered_at end) as last_done_at,
        max(case when is_terminal and flow_state = 'cancelled' then entered_at end)
        as cancelled_at,
        max(case when is_terminal then flow_state else 'open' end) filter (
            where is_terminal or is_open
        ) as outcome

    from placed_visits

    group by 1

),

-- In flow from the start of work to its end; time in which an item passed as done is a gap.
sums as (

    select
        visits.work_item_key,
        sum(visits.elapsed_s) as in_flow_s,
        sum(visits.business_s) as in_flow_business_s,
        sum(visits.active_s) as active_s,
        sum(visits.wait_s) as wait_s,
        sum(visits.blocked_s) as blocked_s,
        sum(case when visits.is_rework then visits.elapsed_s else 0 end) as rework_s

    from visits

    inner join moments
        on visits.work_item_key = moments.work_item_key

    where
        visits.flow_state not in ('done', 'cancelled')
        and visits.entered_at >= moments.started_at

    group by 1

),

gaps as (

    select
        work_item_key,
        sum(case when flow_state in ('done', 'cancelled') then elapsed_s else 0 end) as done_gap_s,
        sum(business_s) as business_s

    from visits

    group by 1

),

started_business as (

    select
        visits.work_item_key,
        sum(visits.business_s) as start_to_done_business_s

    from visits

    inner join moments
        on visits.work_item_key = moments.work_item_key

    where visits.entered_at >= moments.started_at and not visits.is_terminal

    group by 1

),

moves as (

    select
        work_item_key,
        count(case when direction = 'backward' then 1 end) as backward_count,
        count(case when direction = 'reopen' then 1 end) as reopen_count

    from transitions

    group by 1

),

flaws as (

    select
        work_item_key,
        max(case when is_before_creation then 1 else 0 end) as conflicts,
        max(case when is_gap then 1 else 0 end) as gaps,
        max(case when is_drift then 1 else 0 end) as drifts

    from status_transitions

    group by 1

),

final as (

    select
        work_items.work_item_key,
        moments.outcome,
        case
            when flaws.conflicts = 1 or checked_histories.history_quality = 'conflict' then 'conflict'
            when flaws.gaps = 1 or checked_histories.history_quality = 'gap' then 'gap'
            when flaws.drifts = 1 then 'drift'
            when
                not described_items.has_recorded_creation
                or checked_histories.history_quality = 'truncated'
                then 'truncated'
            else 'complete'
        end as history_quality,
        cast(
            {{ seconds_between('work_items.created_at', 'moments.last_done_at') }} as bigint
        ) as created_to_done_s,
        cast({{ seconds_between('moments.started_at', 'moments.last_done_at') }} as bigint)
        as start_to_done_s,
        cast(
            case
                when moments.last_done_at is not null
                    then started_business.start_to_done_business_s
            end as bigint
        ) as start_to_done_business_s,
        cast(case when moments.started_at is not null then coalesce(sums.in_flow_s, 0) end as bigint)
        as in_flow_s,
        cast(coalesce(sums.active_s, 0) as bigint) as active_s,
        cast(coalesce(sums.wait_s, 0) as bigint) as wait_s,
        cast(coalesce(sums.blocked_s, 0) as bigint) as blocked_s,
        cast(coalesce(sums.rework_s, 0) as bigint) as rework_s,
        cast(coalesce(gaps.done_gap_s, 0) as bigint) as done_gap_s,
        moves.backward_count,
        moves.reopen_count,
        cast(
            case
                when moments.outcome = 'open'
                    then {{ seconds_between('moments.started_at', as_of()) }}
            end as bigint
        ) as age_s,
        case
            when moments.wait_stages > 0
                then
                    cast(sums.active_s as double)
                    / nullif(sums.active_s + sums.wait_s, 0)
        end as flow_efficiency_share,
        work_items.created_at as idea_at,
        work_items.created_at,
        moments.committed_at,
        moments.started_at,
        moments.ready_at,
        moments.first_done_at,
        moments.last_done_at,
        moments.cancelled_at

    from work_items

    inner join moments
        on work_items.work_item_key = moments.work_item_key

    inner join described_items
        on work_items.work_item_key = described_items.work_item_key

    left join sums
        on work_items.work_item_key = sums.work_item_key

    left join gaps
        on work_items.work_item_key = gaps.work_item_key

    left join started_business
        on work_items.work_item_key = started_business.work_item_key

    left join moves
        on work_items.work_item_key = moves.work_item_key

    left join flaws
        on work_items.work_item_key = flaws.work_item_key

    left join checked_histories
        on work_items.work_item_key = checked_histories.work_item_key

)

select * from final

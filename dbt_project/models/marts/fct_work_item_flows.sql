with

stages as (

    select * from {{ ref('dim_stages') }}

),

boundaries as (

    select
        workflow,
        min(case when is_started_boundary and ordinal > 0 then ordinal end) as started_ordinal,
        min(case when is_ready_boundary then ordinal end) as ready_ordinal,
        -- Parked is where an item happens to stand still, not where the workflow has it wait.
        count(case when flow_state = 'wait' and ordinal > 0 then 1 end) as wait_stages

    from stages

    group by 1

),

visits as (

    select
        visits.*,
        stages.ordinal,
        boundaries.started_ordinal,
        boundaries.ready_ordinal,
        boundaries.wait_stages,
        visits.flow_state in ('done', 'cancelled') as is_end

    from {{ ref('fct_stage_visits') }} as visits

    inner join stages
        on visits.stage_key = stages.stage_key

    inner join boundaries
        on stages.workflow = boundaries.workflow

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

attempts as (

    select * from {{ ref('fct_flow_attempts') }}

),

handovers as (

    select
        work_item_key,
        count(*) as handover_count

    from {{ ref('fct_handovers') }}

    group by 1

),

links as (

    select * from {{ ref('bridge_work_item_links') }}

),

changes as (

    select * from {{ ref('fct_changes') }}

),

starts as (

    select
        work_item_key,
        min(started_at) as started_at,
        max(attempt_no) as attempt_count,
        max(case when is_latest then aging_since_at end) as aging_since_at

    from attempts

    group by 1

),

moments as (

    select
        visits.work_item_key,
        max(visits.wait_stages) as wait_stages,
        max(starts.started_at) as started_at,
        max(starts.attempt_count) as attempt_count,
        max(starts.aging_since_at) as aging_since_at,
        min(
            case
                when visits.flow_state in ('wait', 'active') and visits.stage <> 'unmapped'
                    then visits.entered_at
            end
        ) as committed_at,
        min(
            case
                when
                    visits.flow_state <> 'cancelled'
                    and visits.ordinal >= visits.ready_ordinal
                    and visits.entered_at >= coalesce(starts.started_at, visits.entered_at)
                    then visits.entered_at
            end
        ) as ready_at,
        max(case when visits.ordinal = visits.started_ordinal then visits.entered_at end)
            as last_pass_at,
        min(case when visits.flow_state = 'done' then visits.entered_at end) as first_done_at,
        max(case when visits.is_terminal and visits.flow_state = 'done' then visits.entered_at end)
            as last_done_at,
        max(
            case
                when visits.is_terminal and visits.flow_state = 'cancelled' then visits.entered_at
            end
        ) as stopped_at,
        max(
            case
                when visits.is_terminal and visits.stage = 'deleted' then 'deleted'
                when visits.is_terminal then visits.flow_state
                when visits.is_open then 'open'
            end
        ) as outcome

    from visits

    inner join starts
        on visits.work_item_key = starts.work_item_key

    group by 1

),

-- In flow from the start of work to its end; time in which an item passed as done is a gap.
sums as (

    select
        visits.work_item_key,
        sum(visits.business_s) as created_to_end_business_s,
        sum(case when visits.is_end then visits.elapsed_s else 0 end) as done_gap_s,
        sum(case when visits.entered_at >= moments.started_at then visits.business_s end)
            as start_to_end_business_s,
        sum(
            case
                when visits.entered_at >= moments.started_at and not visits.is_end
                    then visits.elapsed_s
            end
        ) as in_flow_s,
        sum(
            case
                when visits.entered_at >= moments.started_at and not visits.is_end
                    then visits.business_s
            end
        ) as in_flow_business_s,
        sum(
            case
                when visits.entered_at >= moments.started_at and not visits.is_end
                    then visits.active_s
            end
        ) as active_s,
        sum(
            case
                when visits.entered_at >= moments.started_at and not visits.is_end
                    then visits.active_business_s
            end
        ) as active_business_s,
        sum(
            case
                when visits.entered_at >= moments.started_at and not visits.is_end
                    then visits.wait_s
            end
        ) as wait_s,
        sum(
            case
                when visits.entered_at >= moments.started_at and not visits.is_end
                    then visits.wait_business_s
            end
        ) as wait_business_s,
        sum(
            case
                when visits.entered_at >= moments.started_at and not visits.is_end
                    then visits.blocked_s
            end
        ) as blocked_s,
        sum(
            case
                when visits.entered_at >= moments.started_at and visits.is_rework
                    then visits.elapsed_s
            end
        ) as rework_s,
        count(*) as visit_count

    from visits

    inner join moments
        on visits.work_item_key = moments.work_item_key

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
        max(case when is_drift then 1 else 0 end) as drifts,
        max(case when is_bulk then 1 else 0 end) as bulks,
        max(case when is_end_only then 1 else 0 end) as ends_only,
        count(case when not is_synthetic then 1 end) as recorded,
        min(case when transition_seq = 1 then to_status end) as first_status

    from status_transitions

    group by 1

),

-- The time in which any child was worked on: what two of them share counts once.
child_times as (

    select
        links.to_key as parent_key,
        greatest(visits.entered_at, links.valid_from) as starts_at,
        least(
            coalesce(visits.exited_at, {{ as_of() }}),
            coalesce(links.valid_to, {{ as_of() }})
        ) as ends_at

    from links

    inner join visits
        on links.from_key = visits.work_item_key

    inner join starts
        on visits.work_item_key = starts.work_item_key

    where
        links.link_type = 'parent'
        and not visits.is_end
        and visits.entered_at >= starts.started_at
        and greatest(visits.entered_at, links.valid_from)
        < least(
            coalesce(visits.exited_at, {{ as_of() }}),
            coalesce(links.valid_to, {{ as_of() }})
        )

),

child_time as (

    {{ union_of_intervals('child_times', 'parent_key') }}

),

children as (

    select
        parent_key,
        sum({{ seconds_between('starts_at', 'ends_at') }}) as children_in_flow_s

    from child_time

    group by 1

),

child_counts as (

    select
        to_key as parent_key,
        count(distinct from_key) as child_count

    from links

    where link_type = 'parent'

    group by 1

),

-- A pull request is a change itself; an issue is implemented by those that name it.
changes_of_items as (

    select
        change_key as work_item_key,
        change_key

    from changes

    union

    select
        to_key as work_item_key,
        from_key as change_key

    from links

    where link_type = 'implements'

),

-- Value is available when the last of the merged changes runs in production.
deliveries as (

    select
        changes_of_items.work_item_key,
        min(changes.first_commit_at) as first_commit_at,
        case
            when count(changes.merged_at) = count(changes.deployed_at)
                then max(changes.deployed_at)
        end as deployed_at

    from changes_of_items

    inner join changes
        on changes_of_items.change_key = changes.change_key

    group by 1

),

histories as (

    select * from {{ ref('int_servicenow_histories') }}

),

final as (

    select
        work_items.work_item_key,
        work_items.work_item_version_key,
        moments.outcome,
        case
            when
                flaws.conflicts = 1
                or checked_histories.history_quality = 'conflict'
                or histories.history_quality = 'conflict'
                then 'conflict'
            when
                flaws.gaps = 1
                or checked_histories.history_quality = 'gap'
                or histories.history_quality = 'gap'
                then 'gap'
            when flaws.drifts = 1 then 'drift'
            when
                flaws.ends_only = 1
                or (flaws.recorded = 0 and flaws.first_status = 'unknown')
                or checked_histories.history_quality = 'snapshot_only'
                or histories.history_quality = 'snapshot_only'
                then 'snapshot_only'
            when
                not described_items.has_recorded_creation
                or checked_histories.history_quality = 'truncated'
                then 'truncated'
            else 'complete'
        end as history_quality,
        coalesce(histories.history_source, checked_histories.history_source, 'changelog')
            as history_source,
        coalesce(histories.precision_s, checked_histories.precision_s, 1) as history_precision_s,
        cast(
            {{ seconds_between('work_items.created_at', 'moments.last_done_at') }} as bigint
        ) as created_to_done_s,
        cast(
            case when moments.last_done_at is not null then sums.created_to_end_business_s end
            as bigint
        ) as created_to_done_business_s,
        cast({{ seconds_between('moments.started_at', 'moments.last_done_at') }} as bigint)
            as start_to_done_s,
        cast(
            case when moments.last_done_at is not null then sums.start_to_end_business_s end
            as bigint
        ) as start_to_done_business_s,
        cast(
            {{ seconds_between(
                'coalesce(moments.last_pass_at, moments.started_at)', 'moments.last_done_at'
            ) }} as bigint
        ) as last_pass_s,
        cast({{ seconds_between('work_items.created_at', 'deliveries.deployed_at') }} as bigint)
            as idea_to_value_s,
        cast(
            {{ seconds_between('deliveries.first_commit_at', 'moments.last_done_at') }} as bigint
        ) as first_commit_to_done_s,
        cast(
            case when moments.started_at is not null then coalesce(sums.in_flow_s, 0) end as bigint
        )
            as in_flow_s,
        cast(
            case when moments.started_at is not null then coalesce(sums.in_flow_business_s, 0) end
            as bigint
        ) as in_flow_business_s,
        cast(coalesce(sums.active_s, 0) as bigint) as active_s,
        cast(coalesce(sums.active_business_s, 0) as bigint) as active_business_s,
        cast(coalesce(sums.wait_s, 0) as bigint) as wait_s,
        cast(coalesce(sums.wait_business_s, 0) as bigint) as wait_business_s,
        cast(coalesce(sums.blocked_s, 0) as bigint) as blocked_s,
        cast(coalesce(sums.rework_s, 0) as bigint) as rework_s,
        cast(coalesce(sums.done_gap_s, 0) as bigint) as done_gap_s,
        cast(children.children_in_flow_s as bigint) as children_in_flow_s,
        coalesce(child_counts.child_count, 0) as child_count,
        sums.visit_count,
        moves.backward_count,
        moves.reopen_count,
        coalesce(handovers.handover_count, 0) as handover_count,
        cast(moments.attempt_count as bigint) as attempt_count,
        cast(
            case
                when moments.outcome = 'open'
                    then {{ seconds_between('moments.aging_since_at', as_of()) }}
            end as bigint
        ) as age_s,
        cast(case when moments.wait_stages > 0 then sums.active_s end as bigint)
            as fe_numerator_s,
        cast(case when moments.wait_stages > 0 then sums.active_s + sums.wait_s end as bigint)
            as fe_denominator_s,
        case
            when moments.wait_stages > 0
                then
                    cast(sums.active_s as double)
                    / nullif(sums.active_s + sums.wait_s, 0)
        end as flow_efficiency_share,
        moments.wait_stages > 0 as has_modelled_waits,
        coalesce(moments.started_at = work_items.created_at, false) as is_started_at_creation,
        moments.outcome = 'cancelled' and moments.started_at is not null
            as is_cancelled_after_start,
        moments.first_done_at is not null and moments.outcome <> 'done' as is_finish_withdrawn,
        flaws.bulks = 1 as is_bulk_moved,
        work_items.created_at as idea_at,
        work_items.created_at,
        moments.committed_at,
        moments.started_at,
        moments.ready_at,
        moments.first_done_at,
        moments.last_done_at,
        case when moments.outcome = 'cancelled' then moments.stopped_at end as cancelled_at,
        case when moments.outcome = 'deleted' then moments.stopped_at end as deleted_at,
        deliveries.first_commit_at,
        deliveries.deployed_at

    from work_items

    inner join moments
        on work_items.work_item_key = moments.work_item_key

    inner join described_items
        on work_items.work_item_key = described_items.work_item_key

    inner join sums
        on work_items.work_item_key = sums.work_item_key

    left join moves
        on work_items.work_item_key = moves.work_item_key

    left join histories
        on work_items.work_item_key = histories.work_item_key

    left join flaws
        on work_items.work_item_key = flaws.work_item_key

    left join handovers
        on work_items.work_item_key = handovers.work_item_key

    left join children
        on work_items.work_item_key = children.parent_key

    left join child_counts
        on work_items.work_item_key = child_counts.parent_key

    left join deliveries
        on work_items.work_item_key = deliveries.work_item_key

    left join checked_histories
        on work_items.work_item_key = checked_histories.work_item_key

)

select * from final

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
        min(started_at) as started_at

    from attempts

    group by 1

),

-- An item is what its last attempt came to.
latest as (

    select * from attempts
    where is_latest

),

done as (

    select
        work_item_key,
        ended_at as last_done_at

    from latest

    where outcome = 'done'

),

moments as (

    select
        visits.work_item_key,
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
        min(case when visits.flow_state = 'done' then visits.entered_at end) as first_done_at

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
        sum(case when visits.is_end then visits.elapsed_s end) as done_gap_s,
        sum(case when visits.entered_at >= starts.started_at then visits.business_s end)
            as start_to_end_business_s,
        sum(
            case
                when visits.entered_at >= starts.started_at and not visits.is_end
                    then visits.elapsed_s
            end
        ) as in_flow_s,
        sum(
            case
                when visits.entered_at >= starts.started_at and not visits.is_end
                    then visits.business_s
            end
        ) as in_flow_business_s,
        sum(
            case
                when visits.entered_at >= starts.started_at and not visits.is_end
                    then visits.wait_s
            end
        ) as wait_s,
        sum(
            case
                when visits.entered_at >= starts.started_at and not visits.is_end
                    then visits.wait_business_s
            end
        ) as wait_business_s,
        -- Nobody works on what has ended, and nothing blocks it.
        sum(case when visits.entered_at >= starts.started_at then visits.active_s end)
            as active_s,
        sum(case when visits.entered_at >= starts.started_at then visits.active_business_s end)
            as active_business_s,
        sum(case when visits.entered_at >= starts.started_at then visits.blocked_s end)
            as blocked_s,
        sum(
            case
                when visits.entered_at >= starts.started_at and visits.is_rework
                    then visits.elapsed_s
            end
        ) as rework_s,
        count(*) as visit_count

    from visits

    inner join starts
        on visits.work_item_key = starts.work_item_key

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
        bool_or(is_before_creation) as has_conflict,
        bool_or(is_gap) as has_gap,
        bool_or(is_drift) as has_drift,
        bool_or(is_bulk) as has_bulk,
        bool_or(is_end_only) as has_end_only,
        bool_or(not is_synthetic) as has_record,
        bool_or(transition_seq = 1 and to_status = 'unknown') as is_born_anyhow

    from status_transitions

    group by 1

),

-- The time in which any child was worked on: what two of them share counts once.
child_times as (

    select
        links.to_key as parent_key,
        greatest(visits.entered_at, links.valid_from) as starts_at,
        least(visits.exited_at, links.valid_to, {{ as_of() }}) as ends_at

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
        < least(visits.exited_at, links.valid_to, {{ as_of() }})

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
        latest.outcome,
        case
            when
                flaws.has_conflict
                or checked_histories.history_quality = 'conflict'
                or histories.history_quality = 'conflict'
                then 'conflict'
            when
                flaws.has_gap
                or checked_histories.history_quality = 'gap'
                or histories.history_quality = 'gap'
                then 'gap'
            when flaws.has_drift then 'drift'
            when
                flaws.has_end_only
                or (flaws.is_born_anyhow and not flaws.has_record)
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
            {{ seconds_between('work_items.created_at', 'done.last_done_at') }} as bigint
        ) as created_to_done_s,
        cast(
            case when done.last_done_at is not null then sums.created_to_end_business_s end
            as bigint
        ) as created_to_done_business_s,
        cast({{ seconds_between('starts.started_at', 'done.last_done_at') }} as bigint)
            as start_to_done_s,
        cast(
            case when done.last_done_at is not null then sums.start_to_end_business_s end
            as bigint
        ) as start_to_done_business_s,
        cast(
            {{ seconds_between(
                'coalesce(moments.last_pass_at, starts.started_at)', 'done.last_done_at'
            ) }} as bigint
        ) as last_pass_s,
        -- What is written down afterwards, or coded after the end, tells of no time.
        cast(
            case
                when work_items.created_at <= deliveries.deployed_at
                    then {{ seconds_between('work_items.created_at', 'deliveries.deployed_at') }}
            end as bigint
        ) as idea_to_value_s,
        cast(
            case
                when deliveries.first_commit_at <= done.last_done_at
                    then {{ seconds_between('deliveries.first_commit_at', 'done.last_done_at') }}
            end as bigint
        ) as first_commit_to_done_s,
        cast(sums.in_flow_s as bigint) as in_flow_s,
        cast(sums.in_flow_business_s as bigint) as in_flow_business_s,
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
        latest.attempt_no as attempt_count,
        cast(
            case
                when latest.outcome = 'open'
                    then {{ seconds_between('latest.aging_since_at', as_of()) }}
            end as bigint
        ) as age_s,
        cast(case when boundaries.wait_stages > 0 then sums.active_s end as bigint)
            as fe_numerator_s,
        cast(case when boundaries.wait_stages > 0 then sums.active_s + sums.wait_s end as bigint)
            as fe_denominator_s,
        case
            when boundaries.wait_stages > 0
                then
                    cast(sums.active_s as double)
                    / nullif(sums.active_s + sums.wait_s, 0)
        end as flow_efficiency_share,
        boundaries.wait_stages > 0 as has_modelled_waits,
        coalesce(starts.started_at = work_items.created_at, false) as is_started_at_creation,
        latest.outcome = 'cancelled' and starts.started_at is not null
            as is_cancelled_after_start,
        moments.first_done_at is not null and latest.outcome <> 'done' as is_finish_withdrawn,
        flaws.has_bulk as is_bulk_moved,
        work_items.created_at as idea_at,
        work_items.created_at,
        moments.committed_at,
        starts.started_at,
        moments.ready_at,
        moments.first_done_at,
        done.last_done_at,
        case when latest.outcome = 'cancelled' then latest.ended_at end as cancelled_at,
        case when latest.outcome = 'deleted' then latest.ended_at end as deleted_at,
        deliveries.first_commit_at,
        deliveries.deployed_at

    from work_items

    inner join boundaries
        on work_items.workflow = boundaries.workflow

    inner join starts
        on work_items.work_item_key = starts.work_item_key

    inner join latest
        on work_items.work_item_key = latest.work_item_key

    left join done
        on work_items.work_item_key = done.work_item_key

    inner join moments
        on work_items.work_item_key = moments.work_item_key

    inner join described_items
        on work_items.work_item_key = described_items.work_item_key

    inner join sums
        on work_items.work_item_key = sums.work_item_key

    inner join moves
        on work_items.work_item_key = moves.work_item_key

    left join histories
        on work_items.work_item_key = histories.work_item_key

    inner join flaws
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

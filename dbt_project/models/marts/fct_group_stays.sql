{{ config(materialized='incremental', incremental_strategy='items') }}

with

versions as (

    select
        work_items.work_item_key,
        work_items.workflow,
        work_items.value_stream_key,
        work_items.level,
        work_items.work_type,
        work_items.valid_from,
        work_items.valid_to,
        value_streams.time_zone,
        work_items.is_current,
        lag(
            work_items.value_stream_key || '|' || work_items.level || '|' || work_items.work_type
        ) over (
            partition by work_items.work_item_key
            order by work_items.valid_from
        ) as group_before

    from {{ ref('dim_work_items') }} as work_items

    inner join {{ ref('dim_value_streams') }} as value_streams
        on work_items.value_stream_key = value_streams.value_stream_key

    {{ only_touched() }}

),

workflows as (

    select
        work_item_key,
        workflow

    from versions

    where is_current

),

numbered_versions as (

    select
        *,
        sum(
            case
                when group_before = value_stream_key || '|' || level || '|' || work_type then 0
                else 1
            end
        ) over (
            partition by work_item_key
            order by valid_from
            rows between unbounded preceding and current row
        ) as group_no

    from versions

),

-- The spans in which an item counts for one group: it counts where it was at the time.
groups as (

    select
        numbered_versions.work_item_key,
        numbered_versions.group_no,
        numbered_versions.value_stream_key,
        workflows.workflow,
        numbered_versions.level,
        numbered_versions.work_type,
        numbered_versions.time_zone,
        min(numbered_versions.valid_from) as valid_from,
        max(coalesce(numbered_versions.valid_to, timestamp '9999-12-31')) as valid_to

    from numbered_versions

    inner join workflows
        on numbered_versions.work_item_key = workflows.work_item_key

    group by 1, 2, 3, 4, 5, 6, 7

),

stages as (

    select * from {{ ref('dim_stages') }}

),

attempts as (

    select * from {{ ref('fct_flow_attempts') }}
    {{ only_touched() }}

),

stays as (

    select
        transitions.work_item_key,
        transitions.transition_seq,
        transitions.attempt_no,
        stages.stage_key,
        stages.stage,
        stages.flow_state,
        stages.flow_state not in ('done', 'cancelled') as is_wip,
        transitions.changed_at as entered_at,
        lead(transitions.changed_at) over (
            partition by transitions.work_item_key
            order by transitions.transition_seq
        ) as exited_at

    from {{ ref('fct_stage_transitions') }} as transitions

    inner join stages
        on
            transitions.workflow = stages.workflow
            and transitions.to_stage = stages.stage

    {{ only_touched() }}

),

-- Whoever moves to another group while it waits somewhere, leaves here and arrives there.
joined as (

    select
        stays.work_item_key || ':' || stays.transition_seq || ':' || cast(groups.group_no as bigint)
            as group_stay_key,
        stays.work_item_key,
        groups.value_stream_key,
        groups.workflow,
        groups.level,
        groups.work_type,
        groups.time_zone,
        stays.stage_key,
        stays.stage,
        stays.flow_state,
        stays.transition_seq,
        stays.attempt_no,
        stays.is_wip,
        greatest(stays.entered_at, groups.valid_from) as entered_at,
        case
            when
                stays.is_wip and groups.valid_to < coalesce(stays.exited_at, timestamp '9999-12-31')
                then groups.valid_to
            else stays.exited_at
        end as exited_at,
        case when stays.entered_at >= attempts.aging_since_at then attempts.aging_since_at end
            as aging_since_at

    from stays

    inner join groups
        on
            stays.work_item_key = groups.work_item_key
            and (
                (stays.entered_at >= groups.valid_from and stays.entered_at < groups.valid_to)
                or (
                    stays.is_wip
                    and groups.valid_from > stays.entered_at
                    and groups.valid_from < coalesce(stays.exited_at, timestamp '9999-12-31')
                )
            )

    inner join attempts
        on
            stays.work_item_key = attempts.work_item_key
            and stays.attempt_no = attempts.attempt_no

),

work_items as (

    select * from {{ ref('dim_work_items') }}
    {{ only_touched() }}

),

final as (

    select
        joined.group_stay_key,
        joined.work_item_key,
        work_items.work_item_version_key,
        joined.value_stream_key,
        joined.workflow,
        joined.level,
        joined.work_type,
        joined.time_zone,
        joined.stage_key,
        joined.stage,
        joined.flow_state,
        joined.transition_seq,
        joined.attempt_no,
        joined.is_wip,
        joined.entered_at,
        joined.exited_at,
        joined.aging_since_at

    from joined

    left join work_items
        on
            joined.work_item_key = work_items.work_item_key
            and {{ valid_at('work_items', 'joined.entered_at') }}

)

select * from final

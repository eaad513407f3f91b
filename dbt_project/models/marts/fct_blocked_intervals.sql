{{ config(materialized='incremental', incremental_strategy='items') }}

with

flags as (

    select * from {{ ref('int_blocked_intervals') }}
    {{ only_touched() }}

),

transitions as (

    select * from {{ ref('fct_stage_transitions') }}

),

-- What another item blocks since a known moment: a link that nobody dates tells no time.
dependencies as (

    select *

    from (
        select
            source_link_id,
            to_key as work_item_key,
            from_key as blocking_work_item_key,
            valid_from,
            valid_to
        from {{ ref('int_work_item_links_unioned') }}
        where link_type = 'blocks' and valid_from is not null
    ) as dated

    {{ only_touched() }}

),

stages as (

    select * from {{ ref('dim_stages') }}

),

stays as (

    select
        transitions.work_item_key,
        transitions.transition_seq,
        transitions.to_status,
        stages.is_blocked,
        stages.flow_state in ('wait', 'active') as is_in_flow,
        transitions.changed_at as entered_at,
        coalesce(
            lead(transitions.changed_at) over (
                partition by transitions.work_item_key
                order by transitions.transition_seq
            ),
            timestamp '9999-12-31'
        ) as left_at

    from transitions

    inner join stages
        on
            transitions.workflow = stages.workflow
            and transitions.to_stage = stages.stage

    {{ only_touched() }}

),

-- A block counts while its item is in flow: not in the backlog, not after its end.
numbered as (

    select
        *,
        sum(case when is_in_flow then 0 else 1 end) over (
            partition by work_item_key
            order by transition_seq
            rows between unbounded preceding and current row
        ) as stretch_no

    from stays

),

stretches as (

    select
        work_item_key,
        stretch_no,
        min(entered_at) as begins_at,
        max(left_at) as ends_at

    from numbered

    where is_in_flow

    group by 1, 2

),

-- Whoever blocks does so until it has ended, and again when it is reopened.
blocking_stays as (

    select
        transitions.work_item_key,
        transitions.transition_seq,
        stages.flow_state not in ('done', 'cancelled') as is_open,
        transitions.changed_at as entered_at,
        coalesce(
            lead(transitions.changed_at) over (
                partition by transitions.work_item_key
                order by transitions.transition_seq
            ),
            timestamp '9999-12-31'
        ) as left_at

    from transitions

    inner join (
        select blocking_work_item_key
        from dependencies
        group by 1
    ) as blocking
        on transitions.work_item_key = blocking.blocking_work_item_key

    inner join stages
        on
            transitions.workflow = stages.workflow
            and transitions.to_stage = stages.stage

),

numbered_blocking as (

    select
        *,
        sum(case when is_open then 0 else 1 end) over (
            partition by work_item_key
            order by transition_seq
            rows between unbounded preceding and current row
        ) as stretch_no

    from blocking_stays

),

blocking_stretches as (

    select
        work_item_key,
        stretch_no,
        min(entered_at) as begins_at,
        max(left_at) as ends_at

    from numbered_blocking

    where is_open

    group by 1, 2

),

blocks as (

    select
        blocked_interval_key,
        work_item_key,
        cast(null as varchar) as blocking_work_item_key,
        reason,
        source,
        blocked_from,
        blocked_to
    from flags

    union all

    select
        dependencies.source_link_id || ':' || blocking.stretch_no as blocked_interval_key,
        dependencies.work_item_key,
        dependencies.blocking_work_item_key,
        blocking_items.scope as reason,
        'link' as source,
        greatest(dependencies.valid_from, blocking.begins_at) as blocked_from,
        least(
            coalesce(dependencies.valid_to, timestamp '9999-12-31'), blocking.ends_at
        ) as blocked_to

    from dependencies

    inner join blocking_stretches as blocking
        on dependencies.blocking_work_item_key = blocking.work_item_key

    inner join {{ ref('int_work_items_unioned') }} as blocking_items
        on dependencies.blocking_work_item_key = blocking_items.work_item_key

),

flagged as (

    select
        blocks.blocked_interval_key || ':' || stretches.stretch_no as blocked_interval_key,
        blocks.work_item_key,
        blocks.blocking_work_item_key,
        blocks.reason,
        blocks.source,
        greatest(blocks.blocked_from, stretches.begins_at) as blocked_from,
        least(coalesce(blocks.blocked_to, timestamp '9999-12-31'), stretches.ends_at) as blocked_to

    from blocks

    inner join stretches
        on blocks.work_item_key = stretches.work_item_key

),

parked as (

    select
        work_item_key || ':status:' || transition_seq as blocked_interval_key,
        work_item_key,
        cast(null as varchar) as blocking_work_item_key,
        to_status as reason,
        'status' as source,
        entered_at as blocked_from,
        left_at as blocked_to

    from stays

    where is_blocked

),

intervals as (

    select * from flagged
    union all
    select * from parked

),

work_items as (

    select * from {{ ref('dim_work_items') }}
    {{ only_touched() }}

),

-- What touches no stretch, or was over within the instant, blocked nothing.
final as (

    select
        intervals.blocked_interval_key,
        intervals.work_item_key,
        work_items.work_item_version_key,
        intervals.blocking_work_item_key,
        intervals.reason,
        intervals.source,
        intervals.blocked_from,
        nullif(intervals.blocked_to, timestamp '9999-12-31') as blocked_to

    from intervals

    left join work_items
        on
            intervals.work_item_key = work_items.work_item_key
            and {{ valid_at('work_items', 'intervals.blocked_from') }}

    where intervals.blocked_from < intervals.blocked_to

)

select * from final

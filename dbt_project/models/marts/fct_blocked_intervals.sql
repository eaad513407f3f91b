{{ config(materialized='incremental', incremental_strategy='items') }}

with

flags as (

    select * from {{ ref('int_blocked_intervals') }}
    {{ only_touched() }}

),

transitions as (

    select * from {{ ref('fct_stage_transitions') }}

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

-- A flag counts while its item is in flow: not in the backlog, not after its end.
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

flagged as (

    select
        flags.blocked_interval_key || ':' || stretches.stretch_no as blocked_interval_key,
        flags.work_item_key,
        flags.reason,
        flags.source,
        greatest(flags.blocked_from, stretches.begins_at) as blocked_from,
        least(coalesce(flags.blocked_to, timestamp '9999-12-31'), stretches.ends_at) as blocked_to

    from flags

    inner join stretches
        on flags.work_item_key = stretches.work_item_key

),

parked as (

    select
        work_item_key || ':status:' || transition_seq as blocked_interval_key,
        work_item_key,
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

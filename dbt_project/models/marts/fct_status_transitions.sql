{{ config(materialized='incremental', incremental_strategy='items') }}

with

transitions as (

    select * from {{ ref('int_status_transitions') }}
    {{ only_touched() }}

),

work_items as (

    select * from {{ ref('dim_work_items') }}
    {{ only_touched() }}

),

final as (

    select
        transitions.work_item_key || ':' || transitions.transition_seq as status_transition_key,
        transitions.work_item_key,
        work_items.work_item_version_key,
        transitions.transition_seq,
        transitions.from_status,
        transitions.to_status,
        transitions.source_event_id,
        transitions.actor_key,
        case
            when transitions.actor_key is null then 'unknown'
            else coalesce(transitions.actor_type, 'human')
        end as actor_type,
        transitions.is_synthetic,
        transitions.is_bulk,
        transitions.changed_at

    from transitions

    left join work_items
        on
            transitions.work_item_key = work_items.work_item_key
            and {{ valid_at('work_items', 'transitions.changed_at') }}

)

select * from final

with

transitions as (

    select * from {{ ref('int_status_transitions') }}

),

final as (

    select
        work_item_key || ':' || transition_seq as status_transition_key,
        work_item_key,
        transition_seq,
        from_status,
        to_status,
        actor_key,
        is_synthetic,
        changed_at

    from transitions

)

select * from final

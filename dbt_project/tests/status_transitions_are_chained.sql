with

transitions as (

    select
        *,
        lag(to_status) over (
            partition by work_item_key
            order by transition_seq
        ) as previous_status,
        lag(changed_at) over (
            partition by work_item_key
            order by transition_seq
        ) as previous_changed_at

    from {{ ref('fct_status_transitions') }}

)

select status_transition_key

from transitions

where
    (transition_seq = 1 and from_status is not null)
    or (transition_seq > 1 and from_status is distinct from previous_status)
    -- A source may have a status of that name; what it lost ends here all the same.
    or (from_status = to_status and not (is_synthetic and to_status = 'deleted'))
    or changed_at < previous_changed_at

with

changes as (

    select * from {{ ref('int_status_changes_unioned') }}

),

-- Nobody moves many items by hand within one second. Erased people share one key.
final as (

    select
        actor_key,
        date_trunc('second', changed_at) as second_at

    from changes

    where has_happened and actor_key <> 'erased'

    group by 1, 2

    having count(distinct work_item_key) >= {{ var('bulk_move_items') }}

)

select * from final

with

intervals as (

    select * from {{ ref('int_blocked_intervals') }}

),

final as (

    select
        blocked_interval_key,
        work_item_key,
        reason,
        source,
        blocked_from,
        blocked_to

    from intervals

)

select * from final

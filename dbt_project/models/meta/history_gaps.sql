with

gaps as (

    select * from {{ ref('int_history_gaps_unioned') }}

),

final as (

    select
        history_gap_key,
        source_system,
        object,
        scope,
        service_key,
        reason,
        gap_from,
        gap_to

    from gaps

)

select * from final

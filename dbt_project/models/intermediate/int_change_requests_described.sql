with

change_requests as (

    select * from {{ ref('stg_servicenow__change_requests') }}

),

final as (

    select
        work_item_key,
        coalesce(opened_at, created_at) as requested_at,
        work_end_at,
        closed_at,
        change_type,
        risk,
        close_code,
        correlation_id

    from change_requests

)

select * from final

with

source as (

    select * from {{ source('servicenow', 'history_checks') }}

),

renamed as (

    select
        'servicenow:'
        || case when table_name = 'sc_req_item' then 'request' else table_name end
        || ':' || sys_id as work_item_key,
        audit_count

    from source

)

select * from renamed

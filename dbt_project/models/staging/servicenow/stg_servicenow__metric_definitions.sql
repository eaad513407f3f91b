with

source as (

    select * from {{ source('servicenow', 'metric_definitions') }}

),

renamed as (

    select
        sys_id as definition_id,
        table_name,
        field_name as field

    from source

)

select * from renamed

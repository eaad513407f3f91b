with

source as (

    select * from {{ source('servicenow', 'services') }}

),

renamed as (

    select
        sys_id as service_id,
        name

    from source

)

select * from renamed

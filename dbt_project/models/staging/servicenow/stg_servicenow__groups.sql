with

source as (

    select * from {{ source('servicenow', 'groups') }}

),

renamed as (

    select
        sys_id as group_id,
        name

    from source

)

select * from renamed

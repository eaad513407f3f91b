with

source as (

    select * from {{ source('jira', 'fields') }}

),

renamed as (

    select
        id as field_id,
        name

    from source

)

select * from renamed

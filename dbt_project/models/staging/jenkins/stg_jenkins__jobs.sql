with

source as (

    select * from {{ source('jenkins', 'jobs') }}

),

renamed as (

    select
        full_name as pipeline,
        class

    from source

)

select * from renamed

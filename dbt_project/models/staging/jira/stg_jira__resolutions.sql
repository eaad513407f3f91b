with

source as (

    select * from {{ source('jira', 'resolutions') }}

),

renamed as (

    select
        id as resolution_id,
        {{ plain_name('name') }} as name

    from source

)

select * from renamed

with

source as (

    select * from {{ source('jira', 'priorities') }}

),

renamed as (

    select
        id as priority_id,
        {{ plain_name('name') }} as name

    from source

)

select * from renamed

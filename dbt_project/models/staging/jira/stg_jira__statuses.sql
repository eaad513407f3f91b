with

source as (

    select * from {{ source('jira', 'statuses') }}

),

renamed as (

    select
        id as status_id,
        name,
        category_key as category

    from source

)

select * from renamed

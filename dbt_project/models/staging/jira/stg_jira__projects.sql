with

source as (

    select * from {{ source('jira', 'projects') }}

),

renamed as (

    select
        id as project_id,
        key as project_key,
        name

    from source

)

select * from renamed

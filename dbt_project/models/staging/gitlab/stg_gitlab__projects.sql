with

source as (

    select
        id,
        path,
        default_branch,
        created_at

    from {{ source('gitlab', 'projects') }}

),

renamed as (

    select
        id as project_id,
        path as repository,
        default_branch,
        {{ utc('created_at') }} as created_at

    from source

)

select * from renamed

with

source as (

    select * from {{ source('github', 'repositories') }}

),

renamed as (

    select
        id as repository_id,
        full_name as repository,
        default_branch,
        {{ utc('created_at') }} as created_at

    from source

)

select * from renamed

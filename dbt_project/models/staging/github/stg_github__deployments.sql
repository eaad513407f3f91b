with

source as (

    select * from {{ source('github', 'deployments') }}

),

renamed as (

    select
        'github:deployment:' || id as deployment_key,
        id as deployment_id,
        repository,
        environment,
        sha,
        {{ utc('created_at') }} as created_at

    from source

)

select * from renamed

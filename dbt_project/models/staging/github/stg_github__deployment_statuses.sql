with

source as (

    select * from {{ source('github', 'deployment_statuses') }}

),

renamed as (

    select
        status_key,
        'github:deployment:' || deployment_id as deployment_key,
        lower(state) as state,
        {{ utc('created_at') }} as created_at

    from source

)

select * from renamed

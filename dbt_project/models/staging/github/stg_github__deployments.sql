with

source as (

    select
        id,
        repository,
        environment,
        sha,
        created_at,
        {{ parse_json('payload', {
            'production_environment': 'BOOLEAN',
            'transient_environment': 'BOOLEAN'
        }) }} as payload

    from {{ source('github', 'deployments') }}

),

renamed as (

    select
        'github:deployment:' || id as deployment_key,
        id as deployment_id,
        repository,
        environment,
        sha,
        coalesce(payload.production_environment, false) as is_production,
        coalesce(payload.transient_environment, false) as is_transient,
        {{ utc('created_at') }} as created_at

    from source

)

select * from renamed

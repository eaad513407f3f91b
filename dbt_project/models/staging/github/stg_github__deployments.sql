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
            'transient_environment': 'BOOLEAN',
            'creator': {'person_key': 'VARCHAR', 'actor_type': 'VARCHAR'}
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
        payload.creator.person_key as deployer_key,
        payload.creator.actor_type as deployer_type,
        {{ utc('created_at') }} as created_at

    from source

)

select * from renamed

with

source as (

    select
        id,
        project,
        environment,
        sha,
        status,
        job_status,
        created_at,
        started_at,
        finished_at,
        updated_at,
        {{ parse_json('payload', {
            'environment_id': 'VARCHAR',
            'user': {'person_key': 'VARCHAR', 'actor_type': 'VARCHAR'}
        }) }} as payload

    from {{ source('gitlab', 'deployments') }}

),

renamed as (

    select
        'gitlab:deployment:' || id as deployment_key,
        id as deployment_id,
        project as repository,
        payload.environment_id as environment_id,
        environment,
        sha,
        payload."user".person_key as deployer_key,
        payload."user".actor_type as deployer_type,
        lower(status) as status,
        lower(job_status) as job_status,
        {{ utc('created_at') }} as created_at,
        {{ utc('started_at') }} as started_at,
        {{ utc('finished_at') }} as finished_at,
        {{ utc('updated_at') }} as updated_at

    from source

)

select * from renamed

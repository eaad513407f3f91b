with

source as (

    select
        id,
        project,
        sha,
        source,
        status,
        created_at,
        started_at,
        finished_at,
        updated_at,
        {{ parse_json('payload', {'queued_duration': 'DOUBLE'}) }} as payload

    from {{ source('gitlab', 'pipelines') }}

),

renamed as (

    select
        'gitlab:pipeline:' || id as ci_run_key,
        id as pipeline_id,
        project as repository,
        sha as head_sha,
        source as event,
        lower(status) as status,
        payload.queued_duration as queued_s,
        {{ utc('created_at') }} as created_at,
        {{ utc('started_at') }} as started_at,
        {{ utc('finished_at') }} as finished_at,
        {{ utc('updated_at') }} as updated_at

    from source

)

select * from renamed

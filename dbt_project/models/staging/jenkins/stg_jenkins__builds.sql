with

source as (

    select
        job_full_name,
        number,
        started_at,
        duration_ms,
        is_building,
        result,
        {{ parse_json('payload', {
            'head_sha': 'VARCHAR',
            'repository': 'VARCHAR',
            'queue_ms': 'BIGINT',
            'causes': ['VARCHAR']
        }) }} as payload

    from {{ source('jenkins', 'builds') }}

),

renamed as (

    select
        'jenkins:build:'
        || job_full_name
        || ':'
        || number
        || ':'
        || {{ seconds_between("timestamp '1970-01-01'", utc('started_at')) }} as ci_run_key,
        job_full_name as pipeline,
        payload.repository as repository,
        payload.head_sha as head_sha,
        payload.causes[1] as event,
        number as build_no,
        coalesce(is_building, false) as is_building,
        lower(result) as result,
        duration_ms,
        payload.queue_ms as queue_ms,
        {{ utc('started_at') }} as started_at

    from source

)

select * from renamed

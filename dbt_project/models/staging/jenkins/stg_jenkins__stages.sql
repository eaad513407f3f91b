with

source as (

    select
        job_full_name,
        number,
        build_started_at,
        stage_id,
        started_at,
        duration_ms,
        status,
        {{ parse_json('payload', {'name': 'VARCHAR', 'pauseDurationMillis': 'BIGINT'}) }} as payload

    from {{ source('jenkins', 'stages') }}

),

renamed as (

    select
        'jenkins:stage:'
        || job_full_name
        || ':'
        || number
        || ':'
        || {{ seconds_between("timestamp '1970-01-01'", utc('build_started_at')) }}
        || ':'
        || stage_id as ci_job_key,
        'jenkins:build:'
        || job_full_name
        || ':'
        || number
        || ':'
        || {{ seconds_between("timestamp '1970-01-01'", utc('build_started_at')) }} as ci_run_key,
        payload.name as name,
        lower(status) as status,
        duration_ms,
        {{ utc('started_at') }} as started_at

    from source

)

select * from renamed

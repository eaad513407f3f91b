with

source as (

    select
        id,
        pipeline_id,
        status,
        created_at,
        started_at,
        finished_at,
        {{ parse_json('payload', {
            'name': 'VARCHAR',
            'allow_failure': 'BOOLEAN',
            'labels': ['VARCHAR']
        }) }} as payload

    from {{ source('gitlab', 'jobs') }}

),

renamed as (

    select
        'gitlab:job:' || id as ci_job_key,
        'gitlab:pipeline:' || pipeline_id as ci_run_key,
        payload.name as name,
        payload.labels as runner_labels,
        lower(status) as status,
        coalesce(payload.allow_failure, false) as is_failure_allowed,
        {{ utc('created_at') }} as created_at,
        {{ utc('started_at') }} as started_at,
        {{ utc('finished_at') }} as finished_at

    from source

)

select * from renamed

with

source as (

    select
        id,
        run_id,
        run_attempt,
        status,
        conclusion,
        created_at,
        started_at,
        completed_at,
        {{ parse_json('payload', {'name': 'VARCHAR', 'labels': ['VARCHAR']}) }} as payload

    from {{ source('github', 'jobs') }}

),

renamed as (

    select
        'github:job:' || id as ci_job_key,
        'github:run:' || run_id || ':' || run_attempt as ci_run_key,
        payload.name as name,
        payload.labels as runner_labels,
        lower(status) as status,
        lower(conclusion) as conclusion,
        {{ utc('created_at') }} as created_at,
        {{ utc('started_at') }} as started_at,
        {{ utc('completed_at') }} as completed_at

    from source

)

select * from renamed

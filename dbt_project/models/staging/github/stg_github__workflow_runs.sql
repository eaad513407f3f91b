with

source as (

    select
        id,
        run_attempt,
        repository,
        head_sha,
        event,
        status,
        conclusion,
        created_at,
        run_started_at,
        updated_at,
        {{ parse_json('payload', {'path': 'VARCHAR', 'workflow_id': 'VARCHAR'}) }} as payload

    from {{ source('github', 'workflow_runs') }}

),

renamed as (

    select
        'github:run:' || id || ':' || run_attempt as ci_run_key,
        id as run_id,
        repository,
        -- A workflow of another repository has `@` and its branch, which may carry a name.
        replace(split_part(payload.path, '@', 1), '.github/workflows/', '') as workflow_path,
        payload.workflow_id as workflow_id,
        head_sha,
        event,
        lower(status) as status,
        lower(conclusion) as conclusion,
        run_attempt,
        {{ utc('created_at') }} as created_at,
        {{ utc('run_started_at') }} as started_at,
        {{ utc('updated_at') }} as updated_at

    from source

)

select * from renamed

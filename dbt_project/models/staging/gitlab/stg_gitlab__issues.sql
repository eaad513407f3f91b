with

source as (

    select
        id,
        iid,
        project,
        status,
        created_at,
        updated_at,
        closed_at,
        {{ parse_json('payload', {'issue_type': 'VARCHAR', 'weight': 'BIGINT'}) }} as payload

    from {{ source('gitlab', 'issues') }}

),

renamed as (

    select
        id as issue_id,
        'gitlab:issue:' || id as work_item_key,
        project as repository,
        iid as issue_no,
        status as state,
        payload.issue_type as issue_type,
        payload.weight as weight,
        {{ utc('created_at') }} as created_at,
        {{ utc('updated_at') }} as updated_at,
        {{ utc('closed_at') }} as closed_at

    from source

)

select * from renamed

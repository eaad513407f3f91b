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

tombstones as (

    select * from {{ source('gitlab', 'tombstones') }}
    where object = 'issues' and state = 'deleted'

),

renamed as (

    select
        source.id as issue_id,
        'gitlab:issue:' || source.id as work_item_key,
        source.project as repository,
        source.iid as issue_no,
        source.status as state,
        source.payload.issue_type as issue_type,
        source.payload.weight as weight,
        {{ utc('source.created_at') }} as created_at,
        {{ utc('source.updated_at') }} as updated_at,
        {{ utc('source.closed_at') }} as closed_at,
        {{ utc('tombstones.gone_at') }} as deleted_detected_at

    from source

    left join tombstones
        on source.id = tombstones.id

)

select * from renamed

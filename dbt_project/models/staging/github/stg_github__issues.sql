with

source as (

    select
        id,
        repository,
        number,
        state,
        created_at,
        updated_at,
        closed_at,
        {{ parse_json('payload', {'stateReason': 'VARCHAR', 'issueType': 'VARCHAR'}) }} as payload

    from {{ source('github', 'issues') }}

),

tombstones as (

    select * from {{ source('github', 'tombstones') }}
    where object = 'issues' and state in ('deleted', 'moved')

),

renamed as (

    select
        source.id as issue_id,
        'github:issue:' || source.id as work_item_key,
        source.repository,
        source.number as issue_no,
        source.state,
        lower(source.payload.stateReason) as state_reason,
        source.payload.issueType as issue_type,
        {{ utc('source.created_at') }} as created_at,
        {{ utc('source.updated_at') }} as updated_at,
        {{ utc('source.closed_at') }} as closed_at,
        {{ utc('tombstones.gone_at') }} as deleted_detected_at

    from source

    left join tombstones
        on source.id = tombstones.id

)

select * from renamed

with

source as (

    select
        id,
        seen_at,
        {{ parse_json('payload', {'status': 'VARCHAR', 'category': 'VARCHAR'}) }} as payload

    from {{ source('gitlab', 'snapshots') }}

    where object = 'issue_statuses'

),

renamed as (

    select
        id || ':' || cast(seen_at as varchar) as issue_status_version_id,
        'gitlab:issue:' || id as work_item_key,
        lower(payload.status) as status,
        lower(payload.category) as category,
        {{ utc('seen_at') }} as seen_at

    from source

)

select * from renamed

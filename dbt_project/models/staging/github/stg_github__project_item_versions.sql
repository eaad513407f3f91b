with

source as (

    select
        id,
        seen_at,
        {{ parse_json('payload', {'status': 'VARCHAR'}) }} as payload

    from {{ source('github', 'snapshots') }}

    where object = 'project_items'

),

renamed as (

    select
        id || ':' || cast(seen_at as varchar) as project_item_version_id,
        id as project_item_id,
        lower(payload.status) as status,
        {{ utc('seen_at') }} as seen_at

    from source

)

select * from renamed

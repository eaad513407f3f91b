with

source as (

    select
        id,
        seen_at,
        {{ parse_json('payload', {
            'name': 'VARCHAR',
            'statusCategory': {'key': 'VARCHAR'}
        }) }} as payload

    from {{ source('jira', 'snapshots') }}

    where object = 'statuses'

),

renamed as (

    select
        id || '@' || cast(seen_at as varchar) as status_version_id,
        id as status_id,
        {{ plain_name('payload.name') }} as name,
        payload.statusCategory.key as category,
        {{ utc('seen_at') }} as seen_at

    from source

)

select * from renamed

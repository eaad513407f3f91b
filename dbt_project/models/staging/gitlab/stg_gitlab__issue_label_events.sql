with

source as (

    select
        id,
        issue_id,
        action,
        label,
        created_at,
        {{ parse_json('payload', {
            'user': {'person_key': 'VARCHAR', 'actor_type': 'VARCHAR'}
        }) }} as payload

    from {{ source('gitlab', 'issue_label_events') }}

),

renamed as (

    select
        id as label_event_id,
        'gitlab:issue:' || issue_id as work_item_key,
        action,
        lower(label) as label,
        lower(split_part(label, ':', 1)) as label_scope,
        payload.user.person_key as actor_key,
        payload.user.actor_type as actor_type,
        {{ utc('created_at') }} as happened_at

    from source

)

select * from renamed

with

source as (

    select
        id,
        {{ parse_json('payload', {
            'events': [{
                 'type': 'VARCHAR',
                 'at': 'VARCHAR',
                 'actor': {'person_key': 'VARCHAR', 'actor_type': 'VARCHAR'}
             }]
        }) }} as payload

    from {{ source('github', 'pull_requests') }}

),

renamed as (

    select
        source.id || ':' || event_no as pull_request_event_id,
        'github:pr:' || source.id as work_item_key,
        entry.type as event,
        entry.actor.person_key as actor_key,
        entry.actor.actor_type as actor_type,
        event_no,
        {{ utc('entry."at"') }} as happened_at

    from source

    {{ each('source.payload.events', 'entry', 'event_no') }}

)

select * from renamed

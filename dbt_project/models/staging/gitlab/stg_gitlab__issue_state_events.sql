with

source as (

    select
        id,
        issue_id,
        state,
        created_at,
        {{ parse_json('payload', {
            'user': {'person_key': 'VARCHAR', 'actor_type': 'VARCHAR'}
        }) }} as payload

    from {{ source('gitlab', 'issue_state_events') }}

),

renamed as (

    select
        id as state_event_id,
        'gitlab:issue:' || issue_id as work_item_key,
        state,
        payload.user.person_key as actor_key,
        payload.user.actor_type as actor_type,
        {{ utc('created_at') }} as happened_at

    from source

)

select * from renamed

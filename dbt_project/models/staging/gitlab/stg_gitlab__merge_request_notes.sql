with

source as (

    select
        id,
        merge_request_id,
        kind,
        created_at,
        {{ parse_json('payload', {
            'author': {'person_key': 'VARCHAR', 'actor_type': 'VARCHAR'}
        }) }} as payload

    from {{ source('gitlab', 'merge_request_notes') }}

),

renamed as (

    select
        id as note_id,
        'gitlab:mr:' || merge_request_id as work_item_key,
        kind,
        payload.author.person_key as author_key,
        payload.author.actor_type as author_type,
        {{ utc('created_at') }} as created_at

    from source

)

select * from renamed

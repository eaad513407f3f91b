with

source as (

    select
        id,
        pull_request_id,
        state,
        submitted_at,
        {{ parse_json('payload', {'author': {'person_key': 'VARCHAR', 'actor_type': 'VARCHAR'}}) }}
            as payload

    from {{ source('github', 'reviews') }}

),

renamed as (

    select
        id as review_id,
        'github:pr:' || pull_request_id as work_item_key,
        lower(state) as state,
        payload.author.person_key as author_key,
        payload.author.actor_type as author_type,
        {{ utc('submitted_at') }} as submitted_at

    from source

)

select * from renamed

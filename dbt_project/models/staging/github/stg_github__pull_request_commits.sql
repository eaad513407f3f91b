with

source as (

    select
        pull_request_id,
        sha,
        repository,
        authored_at,
        committed_at,
        {{ parse_json('payload', {'author': {'person_key': 'VARCHAR', 'actor_type': 'VARCHAR'}}) }}
            as payload

    from {{ source('github', 'pull_request_commits') }}

),

renamed as (

    select
        pull_request_id || ':' || sha as pull_request_commit_id,
        'github:pr:' || pull_request_id as work_item_key,
        repository,
        sha,
        payload.author.person_key as author_key,
        {{ utc('authored_at', '1970-01-01') }} as authored_at,
        {{ utc('committed_at') }} as committed_at

    from source

)

select * from renamed

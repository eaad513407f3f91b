with

source as (

    select
        id,
        repository,
        created_at,
        published_at,
        {{ parse_json('payload', {
            'draft': 'BOOLEAN',
            'prerelease': 'BOOLEAN',
            'tag_name': 'VARCHAR',
            'target': 'VARCHAR',
            'author': {'person_key': 'VARCHAR'}
        }) }} as payload

    from {{ source('github', 'releases') }}

),

renamed as (

    select
        id as release_id,
        repository,
        payload.tag_name as tag,
        payload.target as target,
        payload.author.person_key as author_key,
        coalesce(payload.draft, false) as is_draft,
        coalesce(payload.prerelease, false) as is_prerelease,
        {{ utc('created_at') }} as created_at,
        {{ utc('published_at') }} as published_at

    from source

)

select * from renamed

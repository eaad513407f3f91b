with

source as (

    select
        id,
        issue_id,
        time_spent_s,
        started_at,
        updated_at,
        {{ parse_json('payload', {
            'author': {'person_key': 'VARCHAR', 'actor_type': 'VARCHAR'}
        }) }} as payload

    from {{ source('jira', 'worklogs') }}

),

tombstones as (

    select * from {{ source('jira', 'tombstones') }}
    where object = 'worklogs' and state = 'deleted'

),

renamed as (

    select
        source.id as worklog_id,
        'jira:' || source.issue_id as work_item_key,
        source.payload.author.person_key as actor_key,
        source.payload.author.actor_type as actor_type,
        source.time_spent_s,
        tombstones.id is not null as is_deleted,
        {{ utc('source.started_at') }} as started_at,
        {{ utc('source.updated_at') }} as updated_at

    from source

    left join tombstones
        on source.id = tombstones.id

)

select * from renamed

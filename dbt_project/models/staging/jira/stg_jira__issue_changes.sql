with

source as (

    select
        id,
        issue_id,
        created_at,
        {{ parse_json('payload', {
            'author': {'person_key': 'VARCHAR', 'actor_type': 'VARCHAR'},
            'items': [{
                 'field': 'VARCHAR',
                 'fieldId': 'VARCHAR',
                 'from': 'VARCHAR',
                 'fromString': 'VARCHAR',
                 'to': 'VARCHAR',
                 'toString': 'VARCHAR',
                 'role': 'VARCHAR'
             }]
        }) }} as payload

    from {{ source('jira', 'histories') }}

),

renamed as (

    select
        source.issue_id || ':' || source.id || ':' || item_no as issue_change_id,
        'jira:' || source.issue_id as work_item_key,
        source.id as history_id,
        -- Custom fields are called what a site calls them; here they are called by their role.
        case item.role
            when 'story_points' then 'Story Points'
            when 'team' then 'Team'
            when 'flagged' then 'Flagged'
            when 'sprints' then 'Sprint'
            when 'epic_key' then 'Epic Link'
            else item.field
        end as field,
        item."from" as from_id,
        item.fromString as from_name,
        item."to" as to_id,
        item.toString as to_name,
        source.payload.author.person_key as actor_key,
        source.payload.author.actor_type as actor_type,
        item_no,
        {{ utc('source.created_at') }} as changed_at

    from source

    {{ each('source.payload.items', 'item', 'item_no') }}

)

select * from renamed

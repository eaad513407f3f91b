with

source as (

    select
        id,
        key,
        project_key,
        created_at,
        updated_at,
        {{ parse_json('payload', {
            'fields': {
                'issuetype': {
                    'id': 'VARCHAR',
                    'name': 'VARCHAR',
                    'subtask': 'BOOLEAN',
                    'hierarchyLevel': 'BIGINT'
                },
                'status': {'id': 'VARCHAR', 'name': 'VARCHAR'},
                'priority': {'id': 'VARCHAR', 'name': 'VARCHAR'},
                'resolution': {'id': 'VARCHAR', 'name': 'VARCHAR'},
                'resolutiondate': 'VARCHAR',
                'duedate': 'VARCHAR',
                'parent': {'id': 'VARCHAR', 'key': 'VARCHAR'},
                'team': {'id': 'VARCHAR', 'name': 'VARCHAR'},
                'story_points': 'DOUBLE',
                'flagged': 'BOOLEAN',
                'epic_key': 'VARCHAR',
                'reporter': {'person_key': 'VARCHAR', 'actor_type': 'VARCHAR'},
                'assignee': {'person_key': 'VARCHAR', 'actor_type': 'VARCHAR'}
            }
        }) }} as payload

    from {{ source('jira', 'issues') }}

),

tombstones as (

    select * from {{ source('jira', 'tombstones') }}
    where object = 'issues' and state = 'deleted'

),

renamed as (

    select
        source.id as issue_id,
        'jira:' || source.id as work_item_key,
        source.key as issue_key,
        source.project_key,
        source.payload.fields.issuetype.name as raw_type,
        coalesce(source.payload.fields.issuetype.subtask, false) as is_subtask,
        source.payload.fields.issuetype.hierarchyLevel as hierarchy_level,
        source.payload.fields.status.id as status_id,
        source.payload.fields.status.name as status,
        source.payload.fields.priority.name as priority,
        source.payload.fields.resolution.name as resolution,
        source.payload.fields.parent.id as parent_id,
        source.payload.fields.epic_key as epic_key,
        source.payload.fields.team.name as team,
        source.payload.fields.story_points as points,
        coalesce(source.payload.fields.flagged, false) as is_flagged,
        {{ utc('source.created_at') }} as created_at,
        {{ utc('source.updated_at') }} as updated_at,
        {{ utc("nullif(source.payload.fields.resolutiondate, '')") }} as resolved_at,
        {{ utc('tombstones.gone_at') }} as deleted_detected_at

    from source

    left join tombstones
        on source.id = tombstones.id

)

select * from renamed

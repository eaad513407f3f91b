with

source as (

    select
        id,
        key,
        project_key,
        created_at,
        updated_at,
        {{ parse_json('payload', {
            'deleted_detected_at': 'VARCHAR',
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

renamed as (

    select
        id as issue_id,
        'jira:' || id as work_item_key,
        key as issue_key,
        project_key,
        payload.fields.issuetype.name as raw_type,
        coalesce(payload.fields.issuetype.subtask, false) as is_subtask,
        payload.fields.issuetype.hierarchyLevel as hierarchy_level,
        payload.fields.status.id as status_id,
        payload.fields.status.name as status,
        payload.fields.priority.name as priority,
        payload.fields.resolution.name as resolution,
        payload.fields.parent.id as parent_id,
        payload.fields.epic_key as epic_key,
        payload.fields.team.name as team,
        payload.fields.story_points as points,
        coalesce(payload.fields.flagged, false) as is_flagged,
        {{ utc('created_at') }} as created_at,
        {{ utc('updated_at') }} as updated_at,
        {{ utc("nullif(payload.fields.resolutiondate, '')") }} as resolved_at,
        {{ utc("nullif(payload.deleted_detected_at, '')") }} as deleted_detected_at

    from source

)

select * from renamed

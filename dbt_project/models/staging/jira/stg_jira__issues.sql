with

source as (

    select
        id,
        key,
        project_id,
        project_key,
        _fetched_at,
        created_at,
        updated_at,
        {{ parse_json('payload', {
            'fields': {
                'issuetype': {
                    'id': 'VARCHAR',
                    'name': 'VARCHAR',
                    'untranslatedName': 'VARCHAR',
                    'subtask': 'BOOLEAN',
                    'hierarchyLevel': 'BIGINT'
                },
                'status': {
                    'id': 'VARCHAR', 'name': 'VARCHAR', 'untranslatedName': 'VARCHAR'
                },
                'priority': {'id': 'VARCHAR', 'name': 'VARCHAR'},
                'resolution': {'id': 'VARCHAR', 'name': 'VARCHAR'},
                'resolutiondate': 'VARCHAR',
                'duedate': 'VARCHAR',
                'parent': {'id': 'VARCHAR', 'key': 'VARCHAR'},
                'team': {'id': 'VARCHAR', 'name': 'VARCHAR'},
                'story_points': 'DOUBLE',
                'flagged': 'BOOLEAN',
                'epic_key': 'VARCHAR',
                'parent_key': 'VARCHAR',
                'detected_in': 'VARCHAR',
                'used_fields': {'story_points': 'VARCHAR', 'team': 'VARCHAR'},
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
        source.project_id,
        source.project_key,
        source.payload.fields.issuetype.id as type_id,
        {{ plain_name('source.payload.fields.issuetype.name') }} as raw_type,
        {{ plain_name('source.payload.fields.issuetype.untranslatedName') }} as original_type,
        coalesce(source.payload.fields.issuetype.subtask, false) as is_subtask,
        source.payload.fields.issuetype.hierarchyLevel as hierarchy_level,
        source.payload.fields.status.id as status_id,
        {{ plain_name('source.payload.fields.status.name') }} as status,
        {{ plain_name('source.payload.fields.status.untranslatedName') }} as original_status,
        source.payload.fields.priority.id as priority_id,
        {{ plain_name('source.payload.fields.priority.name') }} as priority,
        source.payload.fields.resolution.id as resolution_id,
        {{ plain_name('source.payload.fields.resolution.name') }} as resolution,
        source.payload.fields.parent.id as parent_id,
        source.payload.fields.epic_key as epic_key,
        source.payload.fields.parent_key as parent_key,
        source.payload.fields.detected_in as detected_in,
        source.payload.fields.team.id as team_id,
        {{ plain_name('source.payload.fields.team.name') }} as team,
        source.payload.fields.used_fields.team as team_field,
        source.payload.fields.used_fields.story_points as points_field,
        source.payload.fields.story_points as points,
        coalesce(source.payload.fields.flagged, false) as is_flagged,
        {{ utc('source.created_at') }} as created_at,
        {{ utc('source.updated_at') }} as updated_at,
        {{ utc("nullif(source.payload.fields.resolutiondate, '')") }} as resolved_at,
        {{ utc('tombstones.gone_at') }} as deleted_detected_at,
        {{ utc('source._fetched_at') }} as fetched_at

    from source

    left join tombstones
        on source.id = tombstones.id

)

select * from renamed

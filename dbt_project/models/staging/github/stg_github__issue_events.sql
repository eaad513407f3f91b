with

source as (

    select
        id,
        issue_id,
        type,
        created_at,
        {{ parse_json('payload', {
            'actor': {'person_key': 'VARCHAR', 'actor_type': 'VARCHAR'},
            'label': 'VARCHAR',
            'stateReason': 'VARCHAR',
            'closer_sha': 'VARCHAR',
            'project_id': 'VARCHAR',
            'status': 'VARCHAR',
            'previousStatus': 'VARCHAR',
            'other_id': 'VARCHAR',
            'parent_id': 'VARCHAR',
            'issueType': 'VARCHAR',
            'prevIssueType': 'VARCHAR',
            'field': 'VARCHAR',
            'value': 'VARCHAR',
            'previousValue': 'VARCHAR'
        }) }} as payload

    from {{ source('github', 'issue_events') }}

),

renamed as (

    select
        id as issue_event_id,
        'github:issue:' || issue_id as work_item_key,
        type as event,
        {{ github_label_scope('payload.label') }} as label_scope,
        {{ github_label_value('payload.label') }} as label_value,
        lower(payload.stateReason) as state_reason,
        payload.closer_sha as closing_sha,
        payload.project_id as project_id,
        lower(nullif(payload.previousStatus, '')) as from_status,
        lower(nullif(payload.status, '')) as to_status,
        payload.other_id as other_node_id,
        'github:issue:' || payload.parent_id as parent_work_item_key,
        lower(payload.prevIssueType) as from_issue_type,
        lower(payload.issueType) as to_issue_type,
        lower(payload.field) as field,
        payload.previousValue as from_value,
        payload.value as to_value,
        payload.actor.person_key as actor_key,
        payload.actor.actor_type as actor_type,
        {{ utc('created_at') }} as happened_at

    from source

)

select * from renamed

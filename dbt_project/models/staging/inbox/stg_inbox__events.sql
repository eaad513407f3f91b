with

source as (

    select
        source,
        event_id,
        type,
        subject_id,
        occurred_at,
        {{ parse_json('payload', {
            'run_id': 'VARCHAR',
            'deployment_id': 'VARCHAR',
            'pipeline': 'VARCHAR',
            'repository': 'VARCHAR',
            'sha': 'VARCHAR',
            'event': 'VARCHAR',
            'attempt': 'VARCHAR',
            'result': 'VARCHAR',
            'outcome': 'VARCHAR',
            'status': 'VARCHAR',
            'service': 'VARCHAR',
            'environment': 'VARCHAR',
            'content': {
                'pipelineName': 'VARCHAR',
                'outcome': 'VARCHAR',
                'environment': {'id': 'VARCHAR'}
            }
        }) }} as payload

    from {{ source('inbox', 'events') }}

),

renamed as (

    select
        source || ':' || event_id as inbox_event_key,
        source as producer,
        event_id,
        type as event_type,
        subject_id,
        coalesce(payload.run_id, subject_id, event_id) as run_id,
        coalesce(payload.deployment_id, event_id) as deployment_id,
        coalesce(payload.pipeline, payload.content.pipelineName) as pipeline,
        payload.repository as repository,
        payload.sha as head_sha,
        payload.event as trigger_event,
        coalesce(payload.service, subject_id) as service_name,
        coalesce(payload.environment, payload.content.environment.id) as raw_environment,
        lower(coalesce(payload.result, payload.outcome, payload.content.outcome, payload.status))
            as raw_result,
        greatest(
            coalesce({{ safe_cast_text('payload.attempt', 'bigint') }}, 1), 1
        ) as attempt,
        {{ utc('occurred_at') }} as occurred_at

    from source

)

select * from renamed

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
            'parent_run_id': 'VARCHAR',
            'task_id': 'VARCHAR',
            'deployment_id': 'VARCHAR',
            'incident_id': 'VARCHAR',
            'name': 'VARCHAR',
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
            'severity': 'VARCHAR',
            'approver': 'VARCHAR',
            'queued_at': 'VARCHAR',
            'started_at': 'VARCHAR',
            'finished_at': 'VARCHAR',
            'content': {
                'pipelineName': 'VARCHAR',
                'taskName': 'VARCHAR',
                'outcome': 'VARCHAR',
                'approver': 'VARCHAR',
                'deployment_id': 'VARCHAR',
                'sha': 'VARCHAR',
                'pipelineRun': {'id': 'VARCHAR', 'source': 'VARCHAR'},
                'environment': {'id': 'VARCHAR'},
                'service': {'id': 'VARCHAR'}
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
        -- A task that names no run is a run of its own.
        case
            when type like 'taskrun.%'
                then coalesce(
                    payload.run_id, payload.content.pipelineRun.id, payload.parent_run_id,
                    payload.task_id, subject_id, event_id
                )
            else coalesce(payload.run_id, subject_id, event_id)
        end as run_id,
        coalesce(payload.content.pipelineRun.source, source) as run_producer,
        coalesce(payload.task_id, subject_id, event_id) as task_id,
        coalesce(payload.name, payload.content.taskName) as task,
        coalesce(payload.deployment_id, event_id) as deployment_id,
        coalesce(payload.incident_id, subject_id, event_id) as incident_id,
        coalesce(payload.pipeline, payload.content.pipelineName) as pipeline,
        payload.repository as repository,
        payload.sha as head_sha,
        payload.event as trigger_event,
        case
            when type like 'incident.%' then coalesce(payload.service, payload.content.service.id)
            else coalesce(payload.service, subject_id)
        end as service_name,
        coalesce(payload.environment, payload.content.environment.id) as raw_environment,
        replace(replace(
            lower(coalesce(
                payload.result, payload.outcome, payload.content.outcome, payload.status
            )),
            '-', '_'
        ), ' ', '_') as raw_result,
        payload.severity as severity,
        coalesce(payload.deployment_id, payload.content.deployment_id) as approved_deployment_id,
        coalesce(payload.sha, payload.content.sha) as approved_sha,
        coalesce(payload.approver, payload.content.approver) as approver_key,
        greatest(
            coalesce({{ safe_cast_text('payload.attempt', 'bigint') }}, 1), 1
        ) as attempt,
        {{ utc(safe_cast_text('payload.queued_at', 'timestamp with time zone')) }} as queued_at,
        {{ utc(safe_cast_text('payload.started_at', 'timestamp with time zone')) }} as started_at,
        {{ utc(safe_cast_text('payload.finished_at', 'timestamp with time zone')) }}
            as finished_at,
        {{ utc('occurred_at') }} as occurred_at

    from source

)

select * from renamed

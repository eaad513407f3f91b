with

source as (

    select
        sys_id,
        number,
        sys_created_at,
        sys_updated_at,
        {{ parse_json('payload', {
            'deleted_detected_at': 'VARCHAR',
            'state': 'VARCHAR',
            'incident_state': 'VARCHAR',
            'opened_at': 'VARCHAR',
            'resolved_at': 'VARCHAR',
            'closed_at': 'VARCHAR',
            'priority': 'VARCHAR',
            'severity': 'VARCHAR',
            'business_service': 'VARCHAR',
            'cmdb_ci': 'VARCHAR',
            'assignment_group': 'VARCHAR',
            'reassignment_count': 'VARCHAR',
            'reopen_count': 'VARCHAR',
            'made_sla': 'VARCHAR',
            'caused_by': 'VARCHAR',
            'rfc': 'VARCHAR',
            'correlation_id': 'VARCHAR'
        }) }} as payload

    from {{ source('servicenow', 'incidents') }}

),

renamed as (

    select
        sys_id,
        'servicenow:incident:' || sys_id as work_item_key,
        number,
        coalesce(payload.state, payload.incident_state) as state,
        payload.priority as priority,
        payload.severity as severity,
        payload.business_service as business_service,
        payload.cmdb_ci as cmdb_ci,
        payload.assignment_group as assignment_group,
        payload.caused_by as caused_by,
        payload.correlation_id as correlation_id,
        {{ safe_cast_text('payload.reassignment_count', 'bigint') }} as reassignment_count,
        {{ safe_cast_text('payload.reopen_count', 'bigint') }} as reopen_count,
        {{ safe_cast_text('payload.made_sla', 'boolean') }} as made_sla,
        {{ safe_cast_text('payload.opened_at', 'timestamp') }} as opened_at,
        {{ safe_cast_text('payload.resolved_at', 'timestamp') }} as resolved_at,
        {{ safe_cast_text('payload.closed_at', 'timestamp') }} as closed_at,
        {{ utc('sys_created_at') }} as created_at,
        {{ utc('sys_updated_at') }} as updated_at,
        {{ utc("nullif(payload.deleted_detected_at, '')") }} as deleted_detected_at

    from source

)

select * from renamed

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
            'type': 'VARCHAR',
            'risk': 'VARCHAR',
            'priority': 'VARCHAR',
            'approval': 'VARCHAR',
            'opened_at': 'VARCHAR',
            'work_start': 'VARCHAR',
            'work_end': 'VARCHAR',
            'closed_at': 'VARCHAR',
            'close_code': 'VARCHAR',
            'assignment_group': 'VARCHAR',
            'business_service': 'VARCHAR',
            'cmdb_ci': 'VARCHAR',
            'correlation_id': 'VARCHAR'
        }) }} as payload

    from {{ source('servicenow', 'change_requests') }}

),

renamed as (

    select
        sys_id,
        'servicenow:change_request:' || sys_id as work_item_key,
        number,
        payload.state as state,
        payload.type as change_type,
        payload.risk as risk,
        payload.priority as priority,
        payload.close_code as close_code,
        payload.assignment_group as assignment_group,
        payload.business_service as business_service,
        payload.cmdb_ci as cmdb_ci,
        payload.correlation_id as correlation_id,
        {{ safe_cast_text('payload.opened_at', 'timestamp') }} as opened_at,
        {{ safe_cast_text('payload.work_start', 'timestamp') }} as work_start_at,
        {{ safe_cast_text('payload.work_end', 'timestamp') }} as work_end_at,
        {{ safe_cast_text('payload.closed_at', 'timestamp') }} as closed_at,
        {{ utc('sys_created_at') }} as created_at,
        {{ utc('sys_updated_at') }} as updated_at,
        {{ utc("nullif(payload.deleted_detected_at, '')") }} as deleted_detected_at

    from source

)

select * from renamed

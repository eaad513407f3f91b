{{ config(materialized='table') }}

{#- Every class of tasks has the same raw columns; a field that a class lacks is null. -#}
{%- set classes = {
    'incident': 'incidents',
    'change_request': 'change_requests',
    'change_task': 'change_tasks',
    'problem': 'problems',
    'sc_req_item': 'requested_items',
    'sc_task': 'catalog_tasks',
    'rm_story': 'stories'
} -%}

with

source as (

    {%- for table_name, raw_table in classes.items() %}

        select
            '{{ table_name }}' as table_name,
            sys_id,
            number,
            sys_class_name,
            sys_created_at,
            sys_updated_at,
            sys_mod_count,
            payload

        from {{ source('servicenow', raw_table) }}
        {% if not loop.last %}
            union all
        {%- endif %}
    {%- endfor %}

),

parsed as (

    select
        table_name,
        sys_id,
        number,
        sys_class_name,
        sys_created_at,
        sys_updated_at,
        sys_mod_count,
        {{ parse_json('payload', {
            'state': 'VARCHAR',
            'incident_state': 'VARCHAR',
            'problem_state': 'VARCHAR',
            'hold_reason': 'VARCHAR',
            'opened_at': 'VARCHAR',
            'resolved_at': 'VARCHAR',
            'closed_at': 'VARCHAR',
            'work_start': 'VARCHAR',
            'work_end': 'VARCHAR',
            'priority': 'VARCHAR',
            'severity': 'VARCHAR',
            'type': 'VARCHAR',
            'risk': 'VARCHAR',
            'approval': 'VARCHAR',
            'close_code': 'VARCHAR',
            'story_points': 'VARCHAR',
            'business_service': 'VARCHAR',
            'cmdb_ci': 'VARCHAR',
            'assignment_group': 'VARCHAR',
            'correlation_id': 'VARCHAR',
            'parent': 'VARCHAR',
            'parent_incident': 'VARCHAR',
            'caused_by': 'VARCHAR',
            'rfc': 'VARCHAR',
            'problem_id': 'VARCHAR',
            'duplicate_of': 'VARCHAR',
            'change_request': 'VARCHAR',
            'request_item': 'VARCHAR',
            'reassignment_count': 'BIGINT',
            'reopen_count': 'BIGINT',
            'made_sla': 'BOOLEAN'
        }) }} as payload

    from source

),

renamed as (

    select
        'servicenow:'
        || case when table_name = 'sc_req_item' then 'request' else table_name end
        || ':' || sys_id as work_item_key,
        table_name,
        coalesce(sys_class_name, table_name) as class_name,
        sys_id,
        number,
        coalesce(payload.state, payload.incident_state, payload.problem_state) as state,
        nullif(payload.hold_reason, '') as hold_reason,
        payload.priority as priority,
        payload.severity as severity,
        payload.type as task_type,
        payload.risk as risk,
        payload.approval as approval,
        payload.close_code as close_code,
        payload.business_service as business_service,
        payload.cmdb_ci as cmdb_ci,
        payload.assignment_group as assignment_group,
        payload.correlation_id as correlation_id,
        coalesce(
            payload.parent, payload.parent_incident, payload.change_request, payload.request_item
        ) as parent,
        payload.caused_by as caused_by,
        payload.rfc as rfc,
        payload.problem_id as problem_id,
        payload.duplicate_of as duplicate_of,
        {{ safe_cast_text('payload.story_points', 'double') }} as points,
        payload.reassignment_count as reassignment_count,
        payload.reopen_count as reopen_count,
        payload.made_sla as made_sla,
        sys_mod_count as update_count,
        {{ safe_cast_text('payload.opened_at', 'timestamp') }} as opened_at,
        {{ safe_cast_text('payload.resolved_at', 'timestamp') }} as resolved_at,
        {{ safe_cast_text('payload.closed_at', 'timestamp') }} as closed_at,
        {{ safe_cast_text('payload.work_start', 'timestamp') }} as work_start_at,
        {{ safe_cast_text('payload.work_end', 'timestamp') }} as work_end_at,
        {{ utc('sys_created_at') }} as created_at,
        {{ utc('sys_updated_at') }} as updated_at

    from parsed

)

select * from renamed

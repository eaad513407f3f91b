with

source as (

    select
        table_name,
        sys_id,
        version,
        sys_mod_count,
        sys_updated_at,
        {{ parse_json('payload', {
            'state': 'VARCHAR',
            'incident_state': 'VARCHAR',
            'problem_state': 'VARCHAR'
        }) }} as payload

    from {{ source('servicenow', 'record_versions') }}

),

renamed as (

    select
        table_name || ':' || sys_id || ':' || version as record_version_id,
        'servicenow:'
        || case when table_name = 'sc_req_item' then 'request' else table_name end
        || ':' || sys_id as work_item_key,
        coalesce(payload.state, payload.incident_state, payload.problem_state) as state,
        sys_mod_count as update_count,
        {{ utc('sys_updated_at') }} as updated_at

    from source

)

select * from renamed

with

source as (

    select
        sys_id,
        definition_id,
        document_id,
        {{ parse_json('payload', {'value': 'VARCHAR', 'field_value': 'VARCHAR', 'start': 'VARCHAR', 'end': 'VARCHAR'}) }} as payload

    from {{ source('servicenow', 'metric_instances') }}

),

renamed as (

    select
        sys_id as metric_instance_id,
        definition_id,
        document_id,
        payload.value as value,
        payload.field_value as field_value,
        {{ safe_cast_text('payload.start', 'timestamp') }} as started_at,
        {{ safe_cast_text('payload."end"', 'timestamp') }} as ended_at

    from source

)

select * from renamed

with

source as (

    select
        sys_id,
        definition_id,
        document_id,
        started_at,
        ended_at,
        {{ parse_json('payload', {'value': 'VARCHAR', 'field_value': 'VARCHAR'}) }} as payload

    from {{ source('servicenow', 'metric_instances') }}

),

renamed as (

    select
        sys_id as metric_instance_id,
        definition_id,
        document_id,
        payload.value as value,
        payload.field_value as field_value,
        {{ utc('started_at') }} as started_at,
        {{ utc('ended_at') }} as ended_at

    from source

)

select * from renamed

with

source as (

    select
        sys_id,
        name,
        {{ parse_json('payload', {'type': 'VARCHAR', 'target': 'VARCHAR', 'duration': 'BIGINT'}) }}
            as payload

    from {{ source('servicenow', 'sla_definitions') }}

),

renamed as (

    select
        sys_id as sla_id,
        name,
        payload.type as sla_type,
        payload.target as target,
        payload.duration as target_s

    from source

)

select * from renamed

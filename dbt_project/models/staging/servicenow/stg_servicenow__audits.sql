with

source as (

    select
        sys_id,
        table_name,
        document_id,
        field_name,
        sys_created_at,
        record_checkpoint,
        {{ parse_json('payload', {
            'oldvalue': 'VARCHAR',
            'newvalue': 'VARCHAR',
            'user': {'person_key': 'VARCHAR', 'actor_type': 'VARCHAR'}
        }) }} as payload

    from {{ source('servicenow', 'audits') }}

),

renamed as (

    select
        sys_id as audit_id,
        'servicenow:' || table_name || ':' || document_id as work_item_key,
        table_name,
        field_name as field,
        payload.oldvalue as from_value,
        payload.newvalue as to_value,
        payload."user".person_key as actor_key,
        payload."user".actor_type as actor_type,
        record_checkpoint as update_no,
        {{ utc('sys_created_at') }} as changed_at

    from source

)

select * from renamed

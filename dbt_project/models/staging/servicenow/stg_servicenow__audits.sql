{%- set raw = {'source': 'servicenow', 'table': 'audits', 'keys': {'audit_id': 'sys_id'}} -%}
{{ config(materialized='incremental', incremental_strategy='loads', meta={'raw': raw}) }}

with

source as (

    select
        sys_id,
        table_name,
        document_id,
        coalesce(nullif(_scope, ''), table_name) as record_table,
        field_name,
        sys_created_at,
        record_checkpoint,
        _dlt_load_id,
        {{ parse_json('payload', {
            'oldvalue': 'VARCHAR',
            'newvalue': 'VARCHAR',
            'user': {'person_key': 'VARCHAR', 'actor_type': 'VARCHAR'}
        }) }} as payload

    from {{ source('servicenow', 'audits') }}
    {{ only_new_loads(raw) }}

),

renamed as (

    select
        sys_id as audit_id,
        'servicenow:'
        || case when record_table = 'sc_req_item' then 'request' else record_table end
        || ':' || document_id as work_item_key,
        table_name as class_name,
        field_name as field,
        payload.oldvalue as from_value,
        payload.newvalue as to_value,
        payload."user".person_key as actor_key,
        payload."user".actor_type as actor_type,
        record_checkpoint as update_no,
        _dlt_load_id as load_id,
        {{ utc('sys_created_at') }} as changed_at

    from source

)

select * from renamed

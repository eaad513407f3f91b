with

source as (

    select
        sys_id,
        table_name,
        element,
        value,
        label,
        {{ parse_json('payload', {'language': 'VARCHAR', 'inactive': 'VARCHAR'}) }} as payload

    from {{ source('servicenow', 'choices') }}

),

renamed as (

    select
        sys_id as choice_id,
        table_name,
        element as field,
        value,
        label,
        payload.language as language

    from source

)

select * from renamed

with

source as (

    select
        repository,
        name,
        created_at,
        updated_at,
        {{ parse_json('payload', {'protection_rules': [{'type': 'VARCHAR'}]}) }} as payload

    from {{ source('github', 'environments') }}

),

renamed as (

    select
        repository || ':' || name as environment_id,
        repository,
        name as environment,
        payload.protection_rules as protection_rules,
        {{ utc('created_at') }} as created_at,
        {{ utc('updated_at') }} as updated_at

    from source

)

select * from renamed

with

source as (

    select
        id,
        name,
        hierarchy_level,
        {{ parse_json('payload', {'untranslatedName': 'VARCHAR'}) }} as payload

    from {{ source('jira', 'issue_types') }}

),

renamed as (

    select
        id as issue_type_id,
        {{ plain_name('name') }} as name,
        {{ plain_name('payload.untranslatedName') }} as original_name,
        hierarchy_level

    from source

)

select * from renamed

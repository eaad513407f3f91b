with

source as (

    select
        id,
        name,
        {{ parse_json('payload', {'outward': 'VARCHAR', 'inward': 'VARCHAR'}) }} as payload

    from {{ source('jira', 'link_types') }}

),

renamed as (

    select
        id as link_type_id,
        {{ known_as('name') }} as name,
        {{ known_as('payload.outward') }} as outward_wording,
        {{ known_as('payload.inward') }} as inward_wording

    from source

)

select * from renamed

with

source as (

    select * from {{ source('jira', 'issue_types') }}

),

renamed as (

    select
        id as issue_type_id,
        name,
        hierarchy_level

    from source

)

select * from renamed

with

source as (

    select
        id,
        name,
        project_key,
        is_released,
        release_on,
        {{ parse_json('payload', {'startDate': 'VARCHAR'}) }} as payload

    from {{ source('jira', 'versions') }}

),

renamed as (

    select
        'jira:' || id as release_key,
        {{ plain_name('name') }} as name,
        project_key,
        coalesce(is_released, false) as is_released,
        cast({{ safe_cast_text('source.payload.startDate', 'date') }} as date) as starts_on,
        cast({{ safe_cast_text('release_on', 'date') }} as date) as release_on

    from source

)

select * from renamed

with

source as (

    select
        id,
        project,
        name,
        tier

    from {{ source('gitlab', 'environments') }}

),

renamed as (

    select
        id as environment_id,
        project as repository,
        name as environment,
        tier as raw_tier

    from source

)

select * from renamed

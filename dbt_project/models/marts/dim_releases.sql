with

final as (

    select
        release_key,
        source_system,
        scope,
        name,
        is_released,
        starts_on,
        release_on

    from {{ ref('int_releases_unioned') }}

)

select * from final

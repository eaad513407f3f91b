with

final as (

    select
        release_key,
        'jira' as source_system,
        project_key as scope,
        name,
        is_released,
        starts_on,
        release_on

    from {{ ref('stg_jira__versions') }}

)

select * from final

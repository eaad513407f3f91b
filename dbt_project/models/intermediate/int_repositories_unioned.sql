with

final as (

    select
        'github:' || repository as repository_key,
        'github' as source_system,
        repository,
        default_branch,
        created_at

    from {{ ref('stg_github__repositories') }}

    union all

    select
        'gitlab:' || repository as repository_key,
        'gitlab' as source_system,
        repository,
        default_branch,
        created_at

    from {{ ref('stg_gitlab__projects') }}

)

select * from final

with

final as (

    select
        commit_key,
        'github' as source_system,
        repository,
        sha,
        parent_shas

    from {{ ref('stg_github__commits') }}

)

select * from final

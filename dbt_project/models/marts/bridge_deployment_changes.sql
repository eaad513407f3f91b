with

final as (

    select
        deployment_key || '>' || change_key as deployment_change_key,
        deployment_key,
        change_key,
        method,
        is_first_of_repository

    from {{ ref('int_changes_carried') }}

    where deployment_key is not null

)

select * from final

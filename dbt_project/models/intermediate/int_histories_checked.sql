with

checks as (

    select * from {{ ref('stg_jira__history_checks') }}

),

final as (

    select
        work_item_key,
        history_quality,
        history_count

    from checks

)

select * from final

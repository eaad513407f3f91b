with

versions as (

    select
        *,
        lead(valid_from) over (
            partition by work_item_key
            order by valid_from
        ) as next_from

    from {{ ref('dim_work_items') }}

)

select work_item_key

from versions

group by 1

having
    count(case when is_current then 1 end) <> 1
    or count(case when valid_to is distinct from next_from then 1 end) > 0

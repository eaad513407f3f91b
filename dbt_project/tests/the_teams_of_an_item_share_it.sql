with

weights as (

    select
        work_item_key,
        sum(weight) as weight

    from {{ ref('bridge_work_item_teams') }}

    group by 1

),

items as (

    select work_item_key
    from {{ ref('dim_work_items') }}
    where is_current

)

select items.work_item_key

from items

left join weights
    on items.work_item_key = weights.work_item_key

where coalesce(abs(weights.weight - 1), 1) > 0.000001

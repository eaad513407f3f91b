with

items as (

    select work_item_key
    from {{ ref('dim_work_items') }}
    where is_current

)

select items.work_item_key

from items

left join {{ ref('fct_stage_visits') }} as visits
    on items.work_item_key = visits.work_item_key

group by 1

having count(case when visits.is_open or visits.is_terminal then 1 end) <> 1

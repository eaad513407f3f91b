with

items as (

    select work_item_key
    from {{ ref('dim_work_items') }}
    where is_current

)

select links.work_item_link_key

from {{ ref('bridge_work_item_links') }} as links

left join items as from_items
    on links.from_key = from_items.work_item_key

left join items as to_items
    on links.to_key = to_items.work_item_key

where
    from_items.work_item_key is null
    or to_items.work_item_key is null
    or links.valid_to < links.valid_from

{{ config(severity='warn') }}

-- A key that stands in a text need not be one of an item; what a source itself calls a link is one.
select
    split_part(links.from_key, ':', 1) as source_system,
    links.link_type,
    links.method,
    count(*) as links

from {{ ref('int_work_item_links_unioned') }} as links

inner join {{ ref('int_work_items_unioned') }} as from_items
    on links.from_key = from_items.work_item_key

left join {{ ref('int_work_items_unioned') }} as to_items
    on links.to_key = to_items.work_item_key

where links.to_key is not null and to_items.work_item_key is null

group by 1, 2, 3

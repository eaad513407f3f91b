select sources.work_item_key

from {{ ref('int_work_items_unioned') }} as sources

left join {{ ref('dim_work_items') }} as work_items
    on sources.work_item_key = work_items.work_item_key and work_items.is_current

left join {{ ref('fct_work_item_flows') }} as flows
    on sources.work_item_key = flows.work_item_key

where work_items.work_item_key is null or flows.work_item_key is null

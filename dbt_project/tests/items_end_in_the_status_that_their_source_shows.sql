select work_items.work_item_key

from {{ ref('dim_work_items') }} as work_items

inner join {{ ref('int_work_items_unioned') }} as sources
    on work_items.work_item_key = sources.work_item_key

where
    work_items.is_current
    and sources.source_status is not null
    and sources.updated_at <= {{ as_of() }}
    and sources.source_status <> work_items.current_status

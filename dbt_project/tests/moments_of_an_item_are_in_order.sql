select work_item_key

from {{ ref('fct_work_item_flows') }}

where
    started_at < created_at
    or ready_at < started_at
    or last_done_at < ready_at
    or last_done_at < first_done_at
    or last_done_at > {{ as_of() }}

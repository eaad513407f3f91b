select
    work_item_key,
    created_at,
    started_at,
    ready_at,
    first_done_at,
    last_done_at

from {{ ref('fct_work_item_flows') }}

where
    started_at < created_at
    or committed_at > started_at
    or ready_at < started_at
    or last_done_at < ready_at
    or last_done_at < first_done_at
    or coalesce(last_done_at, cancelled_at, deleted_at) > {{ as_of() }}
    or (last_done_at is not null and (cancelled_at is not null or deleted_at is not null))
    or (outcome = 'done' and last_done_at is null)
    or (outcome = 'open' and coalesce(last_done_at, cancelled_at, deleted_at) is not null)

select metric_wip_key

from {{ ref('metric_wip') }}

where
    queue_len < 0
    or queue_len > wip_eod
    or (flow_state in ('new', 'wait') and queue_len <> wip_eod)
    or is_breach is distinct from (wip_eod > wip_limit)

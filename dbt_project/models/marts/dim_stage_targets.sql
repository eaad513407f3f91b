select
    value_stream_key || '|' || level || '|' || workflow || ':' || stage || '|'
    || coalesce(cast(valid_from as varchar), 'always') as stage_target_key,
    value_stream_key,
    level,
    workflow || ':' || stage as stage_key,
    cast(wait_hours * 3600 as bigint) as wait_target_s,
    cast(active_hours * 3600 as bigint) as active_target_s,
    valid_from,
    valid_to

from {{ ref('stage_targets') }}

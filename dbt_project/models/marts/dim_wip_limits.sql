select
    value_stream_key || '|' || level || '|' || workflow || ':' || stage || '|'
    || coalesce(cast(valid_from as varchar), 'always') as wip_limit_key,
    value_stream_key,
    level,
    workflow || ':' || stage as stage_key,
    wip_limit,
    valid_from,
    valid_to

from {{ ref('wip_limits') }}

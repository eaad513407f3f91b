-- One row per source, object and scope of which a time is not known.
select
    source_system as source,
    object,
    coalesce(scope, 'all scopes') as scope,
    replace(reason, '_', ' ') as reason,
    gap_from as from_at,
    gap_to as to_at
from meta.history_gaps
order by source, object, scope, gap_from

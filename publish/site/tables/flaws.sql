-- One row per source and flaw of its data.
select
    source_system as source,
    replace(measure, '_', ' ') as flaw,
    affected,
    total,
    affected_share
from metrics.metric_data_quality
order by source, affected_share desc nulls last, flaw

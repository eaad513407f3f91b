-- One row per source and measure of its data.
select
    source_system as source,
    replace(measure, '_', ' ') as what,
    affected,
    total,
    affected_share
from metrics.metric_data_quality
order by affected_share desc nulls last, source, what

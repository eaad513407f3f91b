select metric, version, definition, unit, better
from marts.dim_metrics
qualify row_number() over (partition by metric order by version desc) = 1
order by metric

select metric

from {{ ref('dim_metrics') }}

where
    version is null
    or coalesce(definition, '') = ''
    or coalesce(unit, '') = ''
    or coalesce(better, '') = ''
    or coalesce(owner, '') = ''
    or coalesce(target, '') = ''

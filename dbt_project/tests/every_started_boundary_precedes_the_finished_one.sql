select workflow

from {{ ref('dim_stages') }}

where workflow <> 'unassigned'

group by 1

having
    coalesce(min(case when is_started_boundary and ordinal > 0 then ordinal end), 999)
    >= coalesce(min(case when is_finished_boundary then ordinal end), 0)

select change_key

from {{ ref('fct_changes') }}

where deployed_at < merged_at

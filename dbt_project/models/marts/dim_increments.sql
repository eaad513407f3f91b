select
    increment_key,
    name,
    starts_on,
    ends_on

from {{ ref('increments') }}

-- One row per range that may be chosen.
select
    range as key,
    'last ' || weeks || ' weeks' as name,
    window_start,
    window_end
from ranges
order by weeks

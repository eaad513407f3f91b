select
    max(moments.as_of) as as_of,
    max(moments.window_start) as window_start,
    nullif(max(moments.window_end), date '9999-12-31') - 1 as window_end,
    (select max(refresh_id) from meta.refreshes) as refresh_id
from moments

select
    max(moments.as_of) as as_of,
    max(moments.window_start) as window_start,
    (select max(refresh_id) from meta.refreshes) as refresh_id
from moments

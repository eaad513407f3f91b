select
    max(moments.as_of) as as_of,
    coalesce(bool_or(moments.is_over), false) as is_over,
    max(moments.window_end) - 1 as window_end,
    (select max(refresh_id) from meta.refreshes) as refresh_id
from moments

create temp table moments as
select
    as_of,
    cast(date_trunc('week', as_of) as date) as week_start,
    cast(week_start - to_weeks($weeks) as date) as window_start
from meta.refreshes

-- The ranges of time that a reader may choose: so many weeks, and the one that is not over.
create temp table ranges as
select
    cast(weeks as varchar) as range,
    weeks,
    cast(ranges_from - to_weeks(weeks) as date) as window_start,
    window_end
from (select *, unnest($weeks) as weeks from moments)

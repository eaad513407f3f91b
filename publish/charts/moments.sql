-- Weeks are those of the value streams, so the tables say which one is not over: where it is Monday
-- already, it is another one than in UTC. One window for all begins with the earliest of them.
create temp table moments as
with running as (
    select min(week_start) as week_start
    from metrics.metric_flow_totals
    where not is_complete_period
)

select
    refreshes.as_of,
    cast(
        coalesce(running.week_start, date_trunc('week', refreshes.as_of)) - to_weeks($weeks) as date
    ) as window_start
from meta.refreshes as refreshes
cross join running

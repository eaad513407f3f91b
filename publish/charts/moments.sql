-- Weeks are those of the value streams, so the tables say which one is not over: where it is Monday
-- already, it is another one than in UTC. One window for all begins with the earliest of them. Where
-- nothing was finished in it, it ends with the week in which something was last finished.
create temp table moments as
with running as (
    select min(week_start) as week_start
    from metrics.metric_flow_totals
    where not is_complete_period
),

present as (
    select
        refreshes.as_of,
        cast(
            coalesce(running.week_start, date_trunc('week', refreshes.as_of)) - to_weeks($weeks)
            as date
        ) as window_start
    from meta.refreshes as refreshes
    cross join running
),

last_finish as (
    select cast(date_trunc('week', max(finished_date)) + to_weeks(1) as date) as window_end
    from metrics.metric_cycle_times
)

select
    present.as_of,
    if(
        last_finish.window_end <= present.window_start,
        cast(last_finish.window_end - to_weeks($weeks) as date),
        present.window_start
    ) as window_start,
    if(
        last_finish.window_end <= present.window_start, last_finish.window_end, date '9999-12-31'
    ) as window_end
from present
cross join last_finish

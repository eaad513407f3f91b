-- Weeks are those of the value streams, so the tables say which one is not over: where it is Monday
-- already, it is another one than in UTC. Every range begins with the earliest of them. Where
-- nothing was finished in the shortest range, all end with the week in which something was last
-- finished.
create temp table moments as
with running as (
    select min(week_start) as week_start
    from metrics.metric_flow_totals
    where not is_complete_period
),

present as (
    select
        refreshes.as_of,
        cast(coalesce(running.week_start, date_trunc('week', refreshes.as_of)) as date)
            as week_start
    from meta.refreshes as refreshes
    cross join running
),

last_finish as (
    select cast(date_trunc('week', max(finished_date)) + to_weeks(1) as date) as window_end
    from metrics.metric_cycle_times
)

select
    present.as_of,
    coalesce(
        last_finish.window_end <= present.week_start - to_weeks(list_min($weeks)), false
    ) as is_over,
    if(is_over, last_finish.window_end, present.week_start) as ranges_from,
    if(is_over, last_finish.window_end, date '9999-12-31') as window_end
from present
cross join last_finish

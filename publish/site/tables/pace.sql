-- As in metric_aging_wip, for stages that nothing is in too: every attempt that was finished, but
-- of deleted items, when it left the stage for the last time.
with leavings as (
    select
        work,
        stream,
        position,
        label,
        date_diff('second', any_value(started_at), max(exited_at)) as age_s
    from visits
    where
        is_of_done_attempt
        and exited_at > started_at
        and flow_state not in ('done', 'cancelled')
    group by work, stream, position, label, work_item_key, attempt_no
),

paces as (
    select
        work,
        stream,
        position,
        label,
        if(count(*) >= 10, quantile_disc(age_s, [0.50, 0.85, 0.95]), [null, null, null])
            as ages_s,
        count(*) as finished_items
    from leavings
    group by work, stream, position, label
)

select
    work,
    stream,
    position,
    label,
    unnest(['up to P50', 'P50 to P85', 'P85 to P95']) as band,
    unnest([if(ages_s[1] is null, null, 0), ages_s[1], ages_s[2]]) as low_s,
    unnest(ages_s) as high_s,
    finished_items
from paces
order by work, stream, position, high_s, band

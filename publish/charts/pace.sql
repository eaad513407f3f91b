-- As in metric_aging_wip, and for all value streams together too.
with leavings as (
    select
        visits.work,
        visits.stream,
        visits.position,
        visits.label,
        date_diff('second', any_value(flows.started_at), max(visits.exited_at)) as age_s
    from sliced_visits as visits
    inner join marts.fct_work_item_flows as flows on visits.work_item_key = flows.work_item_key
    where
        flows.outcome = 'done'
        and visits.exited_at > flows.started_at
        and visits.flow_state in ('wait', 'active')
    group by visits.work, visits.stream, visits.position, visits.label, visits.work_item_key
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

-- One row per value stream, kind of work, range and percentile of the flow time.
select
    work,
    stream,
    range,
    unnest(['P50', 'P85', 'P95']) as percentile,
    unnest(
        if(
            count(*) >= 10, quantile_disc(start_to_done_s, [0.50, 0.85, 0.95]), [null, null, null]
        )
    ) as start_to_done_s,
    count(*) as finished_items
from ranged_finished
where start_to_done_s is not null
group by work, stream, range
order by work, stream, range, percentile

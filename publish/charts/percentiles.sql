select
    work,
    stream,
    unnest(['P50', 'P85', 'P95']) as percentile,
    unnest(
        if(
            count(*) >= 10, quantile_disc(start_to_done_s, [0.50, 0.85, 0.95]), [null, null, null]
        )
    ) as start_to_done_s,
    count(*) as finished_items
from sliced_finished
where start_to_done_s is not null
group by work, stream
order by work, stream, percentile

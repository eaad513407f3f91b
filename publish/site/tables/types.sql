-- One row per value stream, kind of work, range and type of work: what was finished.
select
    work,
    stream,
    range,
    work_type,
    count(*) as finished_items,
    count(*) / sum(count(*)) over (partition by work, stream, range) as distribution_share,
    count(start_to_done_s) as n,
    if(count(start_to_done_s) >= 10, quantile_disc(start_to_done_s, 0.5), null) as flow_time_p50_s,
    if(count(start_to_done_s) >= 10, quantile_disc(start_to_done_s, 0.85), null) as flow_time_p85_s
from ranged_finished
group by work, stream, range, work_type
order by work, stream, range, finished_items desc, work_type

-- One row per value stream, range and type of change request: how long approval kept it waiting.
select
    items.stream,
    ranges.range,
    coalesce(requests.change_type, 'not said') as change_type,
    if(requests.is_automated, 'by a program', 'by people') as made,
    count(*) as change_requests,
    count(requests.approval_wait_s) as n,
    if(n >= 10, quantile_disc(requests.approval_wait_s, 0.5), null) as approval_wait_p50_s,
    if(n >= 10, quantile_disc(requests.approval_wait_s, 0.85), null) as approval_wait_p85_s,
    cast(sum(requests.approval_wait_s) as bigint) as approval_wait_s
from marts.fct_change_requests as requests
inner join items on requests.work_item_key = items.work_item_key
inner join ranges
    on
        requests.requested_at >= ranges.window_start
        and requests.requested_at < ranges.window_end
where not items.is_deleted
group by all
order by stream, range, change_type, made

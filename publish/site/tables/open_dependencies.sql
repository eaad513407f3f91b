-- One row per pair of items of which one blocks the other; those of open items first, 500 of a
-- stream.
select
    blocked.stream,
    blocked.item_key,
    blocked.item_url,
    blocked.current_status as its_status,
    blocking.item_key as blocked_by,
    blocking.item_url as blocked_by_url,
    blocking.current_status as status_of_that,
    coalesce(streams.name, blocking.stream) as of_value_stream,
    links.valid_from as since_at,
    blocked_flows.outcome = 'open' and blocking_flows.outcome = 'open' as is_open,
    replace(links.method, '_', ' ') as known_by
from marts.bridge_work_item_links as links
inner join items as blocking on links.from_key = blocking.work_item_key
inner join items as blocked on links.to_key = blocked.work_item_key
inner join marts.fct_work_item_flows as blocking_flows
    on blocking.work_item_key = blocking_flows.work_item_key
inner join marts.fct_work_item_flows as blocked_flows
    on blocked.work_item_key = blocked_flows.work_item_key
left join marts.dim_value_streams as streams on blocking.stream = streams.value_stream_key
where links.link_type = 'blocks' and links.valid_to is null
qualify
    row_number() over (
        partition by blocked.stream order by is_open desc, links.valid_from desc, blocked.item_key
    ) <= 500
order by blocked.stream, is_open desc, links.valid_from desc, blocked.item_key

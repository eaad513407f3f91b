-- The first one is shown to whoever asks for none: what serves customers, before what supports it.
select
    items.value_stream_key as key,
    coalesce(any_value(streams.name), items.value_stream_key) as name,
    any_value(if(times.is_marked, times.unmapped_share, null)) as unmapped_share,
    array_agg(distinct items.workflow || '/' || items.level) as works
from marts.dim_work_items as items
left join marts.dim_value_streams as streams
    on items.value_stream_key = streams.value_stream_key
left join metrics.metric_unmapped_time as times
    on items.value_stream_key = times.value_stream_key
group by items.value_stream_key
order by items.value_stream_key = 'unassigned', coalesce(any_value(streams.kind), 'core'), name

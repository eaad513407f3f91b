-- One row per value stream: time in statuses that no seed maps to a stage.
select
    streams.name as value_stream,
    times.unmapped_items,
    times.unmapped_s,
    times.elapsed_s,
    times.unmapped_share,
    times.is_marked
from metrics.metric_unmapped_time as times
left join marts.dim_value_streams as streams on times.value_stream_key = streams.value_stream_key
order by times.unmapped_share desc, value_stream

-- One row per value stream that is held up, the one that holds it up, and level.
select
    blocked.value_stream_key as stream,
    coalesce(streams.name, blocked.blocking_value_stream_key) as held_up_by,
    blocked.level,
    blocked.dependency_count,
    blocked.open_dependency_count,
    blocked.dated_dependency_count,
    blocked.dependent_items,
    blocked.held_up_items,
    blocked.dependency_wait_s
from metrics.metric_dependencies as blocked
left join marts.dim_value_streams as streams
    on blocked.blocking_value_stream_key = streams.value_stream_key
order by stream, blocked.dependency_count desc, held_up_by, blocked.level

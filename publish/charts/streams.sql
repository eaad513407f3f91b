select 'all' as key, 'All value streams' as name
union all
(
    select items.value_stream_key, coalesce(any_value(streams.name), items.value_stream_key) as name
    from marts.dim_work_items as items
    left join marts.dim_value_streams as streams
        on items.value_stream_key = streams.value_stream_key
    group by items.value_stream_key
    order by name
)

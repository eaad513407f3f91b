with streams as (
    select items.value_stream_key, coalesce(any_value(streams.name), items.value_stream_key) as name
    from marts.dim_work_items as items
    left join marts.dim_value_streams as streams
        on items.value_stream_key = streams.value_stream_key
    group by items.value_stream_key
)

select 'all' as key, 'All value streams' as name, null as unmapped_share
union all
(
    select
        streams.value_stream_key,
        streams.name,
        if(times.is_marked, times.unmapped_share, null) as unmapped_share
    from streams
    left join metrics.metric_unmapped_time as times
        on streams.value_stream_key = times.value_stream_key
    order by streams.name
)

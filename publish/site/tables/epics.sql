-- One row per item that has children, open ones first; the newest 1,000 of a value stream.
select
    progress.value_stream_key as stream,
    items.item_key,
    items.item_url,
    progress.epic_level,
    progress.outcome,
    progress.workflow || '/' || progress.level as child_work,
    progress.child_count - progress.cancelled_count as children,
    progress.done_count,
    progress.open_count,
    progress.done_share,
    progress.done_p50_date,
    progress.done_p85_date,
    progress.done_p95_date,
    if(
        progress.open_count > 0, replace(progress.no_forecast_reason, '_', ' '), null
    ) as no_forecast_because,
    progress.window_done_count,
    progress.n,
    cast(progress.first_started_at as date) as first_started_date,
    if(progress.outcome = 'done', cast(progress.last_done_at as date), null) as finished_date
from metrics.metric_epic_progress as progress
inner join items on progress.work_item_key = items.work_item_key
where progress.outcome <> 'deleted'
qualify
    row_number() over (
        partition by stream
        order by progress.outcome = 'open' desc, progress.last_done_at desc nulls first,
            items.item_key
    ) <= 1000
order by
    stream, progress.outcome = 'open' desc, progress.done_p85_date nulls last,
    progress.last_done_at desc, items.item_key, child_work

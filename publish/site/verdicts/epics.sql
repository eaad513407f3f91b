-- One row per open item with open children: when they will be done.
select
    progress.value_stream_key as stream,
    items.item_key,
    items.item_url,
    progress.epic_level,
    progress.workflow || '/' || progress.level as child_work,
    progress.done_count,
    progress.open_count,
    progress.child_count - progress.cancelled_count as children,
    progress.done_p50_date,
    progress.done_p85_date,
    if(
        progress.done_p85_date is null,
        coalesce(progress.no_forecast_reason, 'later_with_85'),
        null
    ) as no_forecast_reason,
    progress.window_days,
    progress.n
from metrics.metric_epic_progress as progress
inner join items on progress.work_item_key = items.work_item_key
where progress.outcome = 'open' and progress.open_count > 0
order by
    stream, progress.done_p85_date nulls last, progress.done_p50_date nulls last, items.item_key

-- One row per visit that shows the constraint of the last complete week: what waited longest there;
-- the 200 longest of a value stream and kind of work.
with last_weeks as (
    select
        *,
        max(week_start) over (partition by value_stream_key) as last_week_start
    from metrics.metric_constraint
    where is_complete_period
)

select
    visits.workflow || '/' || visits.level as work,
    visits.value_stream_key as stream,
    items.item_key,
    items.item_url,
    upper(visits.stage[1]) || replace(visits.stage[2:], '_', ' ') as station,
    visits.queue_wait_s,
    visits.served_at
from last_weeks as scores
inner join metrics.metric_constraint_visits as visits
    on
        scores.value_stream_key = visits.value_stream_key
        and scores.workflow = visits.workflow
        and scores.level = visits.level
        and scores.stage_key = visits.stage_key
        and scores.window_start <= visits.week_start
        and scores.week_start >= visits.week_start
inner join items on visits.work_item_key = items.work_item_key
where scores.week_start = scores.last_week_start and scores.status = 'constraint'
qualify
    row_number() over (
        partition by work, stream order by visits.queue_wait_s desc, items.item_key
    ) <= 200
order by work, stream, visits.queue_wait_s desc, items.item_key

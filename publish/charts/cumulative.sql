with counts as (
    select
        flows.workflow || '/' || flows.level as work,
        unnest([flows.value_stream_key, 'all']) as stream,
        flows.ordinal as position,
        upper(flows.stage[1]) || replace(flows.stage[2:], '_', ' ') as label,
        flows.date_day,
        flows.flow_state = 'done' as is_done,
        flows.wip_by_stage as items,
        moments.window_start
    from metrics.metric_cumulative_flow as flows
    cross join moments
    where
        flows.date_day >= moments.window_start - 1
        and flows.date_day < moments.window_end
),

days as (
    select
        work,
        stream,
        position,
        label,
        date_day,
        is_done,
        window_start,
        cast(sum(items) as bigint) as items
    from counts
    group by work, stream, position, label, date_day, is_done, window_start
),

-- Finished items stay for ever: the done band begins at nothing when the window does.
baselines as (
    select work, stream, label, items
    from days
    where is_done and date_day < window_start
)

select
    days.work,
    days.stream,
    days.position,
    days.label,
    days.date_day,
    days.items - coalesce(baselines.items, 0) as items
from days
left join baselines using (work, stream, label)
where days.date_day >= days.window_start
qualify max(days.items) over (partition by days.work, days.stream, days.label) > 0
order by days.work, days.stream, days.date_day, days.position

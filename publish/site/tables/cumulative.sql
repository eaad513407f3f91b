-- One row per value stream, kind of work, range, stage and day; of more than 26 weeks the last day
-- of each week. Backlog is left out, and done begins at nothing when the range does: neither may
-- drown what is in between.
with days as (
    select
        flows.workflow || '/' || flows.level as work,
        flows.value_stream_key as stream,
        ranges.range,
        flows.ordinal as position,
        upper(flows.stage[1]) || replace(flows.stage[2:], '_', ' ') as label,
        flows.date_day,
        flows.flow_state = 'done' as is_done,
        flows.wip_by_stage as items,
        flows.date_day >= ranges.window_start as is_in_range
    from metrics.metric_cumulative_flow as flows
    inner join ranges
        on
            flows.date_day >= ranges.window_start - 1
            and flows.date_day < ranges.window_end
            and (ranges.weeks <= 26 or isodow(flows.date_day) = 7)
    where flows.flow_state <> 'new'
),

baselines as (
    select work, stream, range, label, items
    from days
    where is_done and not is_in_range
)

select
    days.work,
    days.stream,
    days.range,
    days.position,
    days.label,
    days.date_day,
    days.items - coalesce(baselines.items, 0) as items
from days
left join baselines using (work, stream, range, label)
where days.is_in_range
qualify max(days.items) over (partition by days.work, days.stream, days.range, days.label) > 0
order by days.work, days.stream, days.range, days.date_day, days.position

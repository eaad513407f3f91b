with weeks as (
    select
        flows.workflow || '/' || flows.level as work,
        unnest([flows.value_stream_key, 'all']) as stream,
        flows.week_start,
        flows.velocity,
        flows.is_complete_period
    from metrics.metric_flow_totals as flows
    cross join moments
    where flows.week_start >= moments.window_start and flows.week_start < moments.window_end
)

select
    work,
    stream,
    week_start,
    cast(sum(velocity) as bigint) as items,
    bool_and(is_complete_period) as is_complete_week
from weeks
group by work, stream, week_start
order by work, stream, week_start

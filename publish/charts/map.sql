with stages as (
    select
        work,
        stream,
        position,
        label,
        flow_state,
        count(*) filter (where is_finished_in_window) as visits,
        if(visits >= 10, quantile_disc(wait_s, 0.5) filter (where is_finished_in_window), null)
            as wait_p50_s,
        if(visits >= 10, quantile_disc(active_s, 0.5) filter (where is_finished_in_window), null)
            as touch_p50_s,
        coalesce(sum(wait_s) filter (where is_finished_in_window), 0) as wait_total_s,
        coalesce(sum(active_s) filter (where is_finished_in_window), 0) as touch_total_s,
        count(*) filter (where is_open) as wip,
        count(*) filter (where is_finished_in_window and is_rework)
        / nullif(count(*) filter (where is_finished_in_window), 0) as rework_share
    from sliced_visits
    where flow_state in ('wait', 'active')
    group by work, stream, position, label, flow_state
),

finished_items as (
    select work, stream, count(*) as items from sliced_finished group by work, stream
)

select
    stages.work,
    stages.stream,
    stages.position,
    stages.label,
    stages.flow_state,
    stages.visits,
    stages.wait_p50_s,
    stages.touch_p50_s,
    cast(stages.wait_total_s as bigint) as wait_total_s,
    cast(stages.touch_total_s as bigint) as touch_total_s,
    stages.wait_total_s / finished_items.items as wait_mean_s,
    stages.touch_total_s / finished_items.items as touch_mean_s,
    stages.wip,
    stages.rework_share,
    stages.wait_total_s > 0
    and row_number() over (
        partition by stages.work, stages.stream
        order by stages.wait_total_s desc, stages.position
    ) = 1 as is_longest_wait
from stages
left join finished_items using (work, stream)
where stages.visits > 0 or stages.wip > 0
order by stages.work, stages.stream, stages.position, stages.label

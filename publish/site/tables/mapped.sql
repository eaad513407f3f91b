-- The stages of each value stream, kind of work and range: stays of finished items, items there
-- now.
create temp table mapped as
with ended as (
    select
        work,
        stream,
        range,
        stage_key,
        count(*) as visits,
        count(distinct work_item_key) as items,
        if(count(*) >= 10, quantile_disc(wait_s, 0.5), null) as wait_p50_s,
        if(count(*) >= 10, quantile_disc(active_s, 0.5), null) as touch_p50_s,
        sum(wait_s) as wait_total_s,
        sum(active_s) as touch_total_s,
        count(*) filter (where is_rework) / count(*) as rework_share
    from ranged_visits
    where flow_state in ('wait', 'active')
    group by work, stream, range, stage_key
),

here as (
    select
        visits.work,
        visits.stream,
        ranges.range,
        visits.stage_key,
        count(*) as wip
    from visits
    cross join ranges
    where visits.is_open and visits.flow_state in ('wait', 'active')
    group by visits.work, visits.stream, ranges.range, visits.stage_key
),

finished_items as (
    select work, stream, range, count(*) as items from ranged_finished group by work, stream, range
),

shown as (
    select
        work,
        stream,
        range,
        stage_key,
        stages.position,
        stages.label,
        coalesce(ended.visits, 0) as visits,
        coalesce(ended.items, 0) as items,
        ended.wait_p50_s,
        ended.touch_p50_s,
        cast(coalesce(ended.wait_total_s, 0) as bigint) as wait_total_s,
        cast(coalesce(ended.touch_total_s, 0) as bigint) as touch_total_s,
        ended.rework_share,
        coalesce(here.wip, 0) as wip
    from ended
    full outer join here using (work, stream, range, stage_key)
    inner join stages using (stage_key)
)

select
    shown.work,
    shown.stream,
    shown.range,
    shown.position,
    shown.label,
    dim_stages.flow_state,
    shown.visits,
    shown.items,
    shown.wait_p50_s,
    targets.wait_target_s,
    shown.wait_p50_s - targets.wait_target_s as wait_gap_s,
    shown.touch_p50_s,
    targets.active_target_s as touch_target_s,
    shown.touch_p50_s - targets.active_target_s as touch_gap_s,
    shown.wait_total_s,
    shown.touch_total_s,
    shown.wait_total_s / finished_items.items as wait_mean_s,
    shown.touch_total_s / finished_items.items as touch_mean_s,
    shown.wip,
    shown.rework_share,
    shown.wait_total_s > 0
    and row_number() over (
        partition by shown.work, shown.stream, shown.range
        order by shown.wait_total_s desc, shown.position
    ) = 1 as is_longest_wait
from shown
inner join marts.dim_stages as dim_stages on shown.stage_key = dim_stages.stage_key
left join finished_items using (work, stream, range)
left join metrics.metric_value_stream_map_totals as targets
    on
        shown.work = targets.workflow || '/' || targets.level
        and shown.stream = targets.value_stream_key
        and shown.stage_key = targets.stage_key

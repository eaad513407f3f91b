-- One row per value stream, kind of work and range.
with slices as (
    select distinct
        items.workflow || '/' || items.level as work,
        items.value_stream_key as stream,
        ranges.range
    from marts.dim_work_items as items
    cross join ranges
),

-- The last four complete weeks are each value stream's own, in its time zone.
complete_weeks as (
    select
        *,
        max(week_start) over (partition by value_stream_key) as last_week_start
    from metrics.metric_flow_totals
    where is_complete_period
),

throughputs as (
    select
        workflow || '/' || level as work,
        value_stream_key as stream,
        cast(sum(velocity) as bigint) as finished_4_weeks,
        (max(last_week_start) - 21) || '_' || (max(last_week_start) + 7) as weeks
    from complete_weeks
    where week_start > last_week_start - to_weeks(4)
    group by workflow, level, value_stream_key
),

times as (
    select
        work,
        stream,
        range,
        count(start_to_done_s) as finished_items,
        -- As in every table: no percentile of fewer than ten items, no efficiency where no stage
        -- of the workflow waits.
        if(finished_items >= 10, quantile_disc(start_to_done_s, 0.50), null)
            as start_to_done_p50_s,
        if(finished_items >= 10, quantile_disc(start_to_done_s, 0.85), null)
            as start_to_done_p85_s,
        if(
            bool_and(has_modelled_waits), sum(active_s) / nullif(sum(active_s + wait_s), 0), null
        ) as flow_efficiency_share,
        bool_and(has_modelled_waits) as has_modelled_waits
    from ranged_finished
    group by work, stream, range
),

loads as (
    select
        workflow || '/' || level as work,
        value_stream_key as stream,
        count(*) as wip,
        count(*) filter (where is_late) as late
    from metrics.metric_aging_wip
    group by workflow, level, value_stream_key
),

unmapped as (
    select work, stream, count(distinct work_item_key) as unmapped_items
    from visits
    where stage = 'unmapped'
    group by work, stream
)

select
    slices.work,
    slices.stream,
    slices.range,
    coalesce(throughputs.finished_4_weeks, 0) as finished_4_weeks,
    throughputs.weeks,
    coalesce(times.finished_items, 0) as finished_items,
    times.start_to_done_p50_s,
    times.start_to_done_p85_s,
    times.flow_efficiency_share,
    coalesce(times.has_modelled_waits, true) as has_modelled_waits,
    coalesce(loads.wip, 0) as wip,
    coalesce(loads.late, 0) as late,
    coalesce(unmapped.unmapped_items, 0) as unmapped_items
from slices
left join throughputs using (work, stream)
left join times using (work, stream, range)
left join loads using (work, stream)
left join unmapped using (work, stream)
order by slices.work, slices.stream, slices.range

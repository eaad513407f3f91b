-- What the cumulative flow has between its first line and that of the first stage that is done (a
-- workflow may have several), on the last day, and the open items again from facts of other kinds:
-- those that never ended, and came to their group but once.
with

lines as (

    select
        flows.value_stream_key,
        flows.workflow,
        flows.level,
        max(flows.cfd_highwater)
        - coalesce(
            max(case when flows.flow_state = 'done' then flows.cfd_highwater end),
            min(flows.cfd_highwater)
        ) as between_lines,
        sum(flows.open_items) as open_items

    from {{ ref('metric_cumulative_flow') }} as flows

    inner join {{ ref('dim_value_streams') }} as value_streams
        on flows.value_stream_key = value_streams.value_stream_key

    where flows.date_day = cast({{ local_time(as_of(), 'value_streams.time_zone') }} as date)

    group by 1, 2, 3

),

versions as (

    select
        *,
        value_stream_key || '|' || level as flow_group,
        lag(value_stream_key || '|' || level) over (
            partition by work_item_key
            order by valid_from
        ) as previous_group

    from {{ ref('dim_work_items') }}

),

arrivals as (

    select
        work_item_key,
        flow_group,
        count(*) as times,
        min(valid_from) as arrived_at

    from versions

    where previous_group is null or previous_group <> flow_group

    group by 1, 2

),

endings as (

    select
        work_item_key,
        max(entered_at) as last_ended_at

    from {{ ref('fct_stage_visits') }}

    where flow_state in ('done', 'cancelled')

    group by 1

),

open_items as (

    select
        versions.value_stream_key,
        versions.workflow,
        versions.level,
        count(*) as items

    from {{ ref('fct_work_item_flows') }} as flows

    inner join versions
        on flows.work_item_key = versions.work_item_key and versions.is_current

    inner join arrivals
        on
            versions.work_item_key = arrivals.work_item_key
            and versions.flow_group = arrivals.flow_group

    left join endings
        on flows.work_item_key = endings.work_item_key

    where
        flows.outcome = 'open'
        and versions.workflow <> 'unassigned'
        and arrivals.times = 1
        and coalesce(endings.last_ended_at < arrivals.arrived_at, true)

    group by 1, 2, 3

)

select
    coalesce(lines.value_stream_key, open_items.value_stream_key) as value_stream_key,
    coalesce(lines.workflow, open_items.workflow) as workflow,
    coalesce(lines.level, open_items.level) as level,
    lines.between_lines,
    lines.open_items,
    open_items.items

from lines

full join open_items
    on
        lines.value_stream_key = open_items.value_stream_key
        and lines.workflow = open_items.workflow
        and lines.level = open_items.level

where
    coalesce(lines.between_lines, 0) <> coalesce(open_items.items, 0)
    or coalesce(lines.open_items, 0) <> coalesce(open_items.items, 0)

-- One row per item as it is now: what every number leads to. The newest 20,000.
with visited as (
    select
        work_item_key,
        array_agg(distinct stream || '/' || label) as stages
    from visits
    where finished_date is not null and flow_state in ('wait', 'active')
    group by work_item_key
),

unmapped as (
    select distinct work_item_key from visits where stage = 'unmapped'
)

select
    items.work,
    coalesce(times.value_stream_key, aging.value_stream_key, items.stream) as stream,
    items.item_key,
    items.item_url,
    items.work_type,
    case
        when times.work_item_key is not null then 'finished'
        when aging.work_item_key is not null then 'in progress'
        when flows.outcome = 'open' then 'not started'
        else flows.outcome
    end as state,
    items.current_status,
    upper(aging.stage[1]) || replace(aging.stage[2:], '_', ' ') as label,
    cast(flows.started_at as date) as started_date,
    times.finished_date,
    times.start_to_done_s,
    aging.age_s,
    coalesce(aging.is_late, false) as is_late,
    parents.item_key as parent,
    unmapped.work_item_key is not null as is_unmapped,
    visited.stages as visited
from items
inner join marts.fct_work_item_flows as flows on items.work_item_key = flows.work_item_key
left join metrics.metric_cycle_times as times on items.work_item_key = times.work_item_key
left join metrics.metric_aging_wip as aging on items.work_item_key = aging.work_item_key
left join items as parents on items.parent_work_item_key = parents.work_item_key
left join visited on items.work_item_key = visited.work_item_key
left join unmapped on items.work_item_key = unmapped.work_item_key
where not items.is_deleted or times.work_item_key is not null
order by
    coalesce(times.finished_date, cast('9999-12-31' as date)) desc, aging.age_s desc nulls last,
    items.created_at desc, items.item_key
limit 20000

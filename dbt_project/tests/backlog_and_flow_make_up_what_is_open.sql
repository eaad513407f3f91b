-- The totals of a day again from the stages of the fact, and the terms that make each other up.
with

stages as (

    select
        value_stream_key,
        workflow,
        level,
        date_day,
        sum(wip_eod) as open_items,
        sum(case when flow_state = 'new' then wip_eod else 0 end) as backlog_items,
        sum(case when flow_state in ('wait', 'active') then wip_eod else 0 end) as in_flow_items,
        sum(case when flow_state in ('wait', 'active') then queue_len else 0 end) as waiting_items,
        sum(case when flow_state in ('wait', 'active') then wip_s else 0 end) as in_flow_s

    from {{ ref('fct_daily_flows') }}

    group by 1, 2, 3, 4

)

select
    stages.value_stream_key,
    stages.workflow,
    stages.level,
    stages.date_day

from stages

left join {{ ref('metric_wip_totals') }} as totals
    on
        stages.value_stream_key = totals.value_stream_key
        and stages.workflow = totals.workflow
        and stages.level = totals.level
        and stages.date_day = totals.date_day

where
    coalesce(totals.open_items, 0) <> stages.open_items
    or coalesce(totals.backlog_items, 0) <> stages.backlog_items
    or coalesce(totals.in_flow_items, 0) <> stages.in_flow_items
    or coalesce(totals.waiting_items, 0) <> stages.waiting_items
    or coalesce(totals.in_flow_s, 0) <> stages.in_flow_s
    or totals.open_items <> totals.backlog_items + totals.in_flow_items
    or totals.in_flow_items <> totals.waiting_items + totals.worked_on_items
    or totals.wip_items > totals.open_items
    or totals.blocked_items > totals.waiting_items

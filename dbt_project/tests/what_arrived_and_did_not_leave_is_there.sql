-- Daily flows come from stage transitions; where an item is, from the last status of its source.
with

moved as (

    select
        value_stream_key,
        workflow,
        level,
        case
            when stage = 'deleted' then 'deleted'
            when flow_state in ('done', 'cancelled') then flow_state
            else 'open'
        end as outcome,
        sum(arrivals - departures) as items

    from {{ ref('fct_daily_flows') }}

    group by 1, 2, 3, 4

),

last_stages as (

    {{ last_stages() }}

),

there as (

    select
        value_stream_key,
        workflow,
        level,
        outcome,
        count(*) as items

    from last_stages

    group by 1, 2, 3, 4

)

select
    coalesce(moved.value_stream_key, there.value_stream_key) as value_stream_key,
    coalesce(moved.workflow, there.workflow) as workflow,
    coalesce(moved.level, there.level) as level,
    coalesce(moved.outcome, there.outcome) as outcome,
    moved.items as moved_items,
    there.items as items_there

from moved

full join there
    on
        moved.value_stream_key = there.value_stream_key
        and moved.workflow = there.workflow
        and moved.level = there.level
        and moved.outcome = there.outcome

where coalesce(moved.items, 0) <> coalesce(there.items, 0)

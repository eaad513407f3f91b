with

moved as (

    select
        value_stream_key,
        workflow,
        case
            when stage = 'deleted' then 'deleted'
            when flow_state in ('done', 'cancelled') then flow_state
            else 'open'
        end as outcome,
        sum(arrivals - departures) as items

    from {{ ref('fct_daily_flows') }}

    group by 1, 2, 3

),

workflows as (

    select
        work_item_key,
        workflow

    from {{ ref('dim_work_items') }}

    where is_current

),

there as (

    select
        work_items.value_stream_key,
        workflows.workflow,
        flows.outcome,
        count(*) as items

    from {{ ref('fct_work_item_flows') }} as flows

    inner join workflows
        on flows.work_item_key = workflows.work_item_key

    inner join {{ ref('dim_work_items') }} as work_items
        on
            flows.work_item_key = work_items.work_item_key
            and {{ valid_at(
                'work_items',
                'coalesce(flows.last_done_at, flows.cancelled_at, flows.deleted_at, '
                ~ as_of() ~ ')'
            ) }}

    group by 1, 2, 3

)

select
    coalesce(moved.value_stream_key, there.value_stream_key) as value_stream_key,
    coalesce(moved.workflow, there.workflow) as workflow,
    coalesce(moved.outcome, there.outcome) as outcome,
    moved.items as moved_items,
    there.items as items_there

from moved

full join there
    on
        moved.value_stream_key = there.value_stream_key
        and moved.workflow = there.workflow
        and moved.outcome = there.outcome

where coalesce(moved.items, 0) <> coalesce(there.items, 0)

with

work_items as (

    select * from {{ ref('dim_work_items') }}
    where is_current

),

flows as (

    select * from {{ ref('fct_work_item_flows') }}

),

final as (

    select
        parents.work_item_key || '|' || children.workflow || '|' || children.level
            as epic_children_key,
        parents.work_item_key,
        parents.value_stream_key,
        children.workflow,
        children.level,
        count(*) as child_count,
        count(case when flows.outcome = 'done' then 1 end) as done_count,
        count(case when flows.outcome = 'cancelled' then 1 end) as cancelled_count,
        count(case when flows.outcome = 'open' then 1 end) as open_count,
        count(case when flows.outcome = 'open' and flows.started_at is not null then 1 end)
            as started_count,
        sum(case when flows.outcome <> 'cancelled' then children.points end) as points,
        sum(case when flows.outcome = 'done' then children.points end) as done_points,
        min(flows.started_at) as first_started_at,
        max(flows.last_done_at) as last_done_at

    from work_items as parents

    inner join work_items as children
        on parents.work_item_key = children.parent_work_item_key

    inner join flows
        on children.work_item_key = flows.work_item_key

    where flows.outcome <> 'deleted'

    group by 1, 2, 3, 4, 5

)

select * from final

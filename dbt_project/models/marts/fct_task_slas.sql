with

task_slas as (

    select * from {{ ref('int_task_slas_described') }}

),

flows as (

    select * from {{ ref('fct_work_item_flows') }}

),

work_items as (

    select * from {{ ref('dim_work_items') }}

),

final as (

    select
        task_slas.task_sla_key,
        flows.work_item_key,
        work_items.work_item_version_key,
        task_slas.agreement,
        task_slas.target,
        task_slas.agreement_type,
        task_slas.outcome,
        task_slas.is_running,
        cast(task_slas.target_s as bigint) as target_s,
        cast(task_slas.elapsed_s as bigint) as elapsed_s,
        cast(task_slas.counted_s as bigint) as counted_s,
        cast(task_slas.counted_business_s as bigint) as counted_business_s,
        cast(task_slas.paused_s as bigint) as paused_s,
        task_slas.started_at,
        task_slas.planned_end_at,
        task_slas.breached_at,
        task_slas.ended_at

    from task_slas

    left join flows
        on task_slas.work_item_key = flows.work_item_key

    left join work_items
        on
            flows.work_item_key = work_items.work_item_key
            and {{ valid_at('work_items', 'greatest(task_slas.started_at, flows.created_at)') }}

)

select * from final

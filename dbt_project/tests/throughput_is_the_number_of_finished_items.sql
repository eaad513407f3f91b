with

velocity as (

    select
        value_stream_key,
        workflow,
        level,
        sum(case when work_type = 'all' then velocity else 0 end) as finished,
        sum(case when work_type <> 'all' then velocity else 0 end) as finished_by_type

    from {{ ref('metric_flow') }}

    group by 1, 2, 3

),

finished as (

    select
        work_items.value_stream_key,
        work_items.workflow,
        work_items.level,
        count(case when flows.outcome = 'done' then 1 end) as finished

    from {{ ref('fct_work_item_flows') }} as flows

    inner join {{ ref('dim_work_items') }} as work_items
        on flows.work_item_key = work_items.work_item_key and work_items.is_current

    group by 1, 2, 3

)

select
    finished.value_stream_key,
    finished.workflow,
    finished.level

from finished

full join velocity
    on
        finished.value_stream_key = velocity.value_stream_key
        and finished.workflow = velocity.workflow
        and finished.level = velocity.level

where
    coalesce(finished.finished, 0) <> coalesce(velocity.finished, 0)
    or coalesce(finished.finished, 0) <> coalesce(velocity.finished_by_type, 0)

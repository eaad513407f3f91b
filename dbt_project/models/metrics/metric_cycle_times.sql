with

flows as (

    select * from {{ ref('fct_work_item_flows') }}
    where outcome = 'done'

),

work_items as (

    select * from {{ ref('dim_work_items') }}
    where is_current

),

value_streams as (

    select * from {{ ref('dim_value_streams') }}

),

final as (

    select
        flows.work_item_key,
        work_items.item_key,
        work_items.value_stream_key,
        work_items.workflow,
        work_items.level,
        work_items.work_type,
        flows.start_to_done_s,
        flows.created_to_done_s,
        flows.active_s,
        flows.wait_s,
        cast({{ local_time('flows.last_done_at', 'value_streams.time_zone') }} as date)
        as finished_date

    from flows

    inner join work_items
        on flows.work_item_key = work_items.work_item_key

    inner join value_streams
        on work_items.value_stream_key = value_streams.value_stream_key

)

select * from final

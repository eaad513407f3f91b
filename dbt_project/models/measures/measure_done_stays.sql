with

visits as (

    select * from {{ ref('fct_stage_visits') }}
    where flow_state = 'done'

),

work_items as (

    select * from {{ ref('dim_work_items') }}

),

current_items as (

    select
        work_item_key,
        workflow,
        parent_work_item_key

    from work_items

    where is_current

),

final as (

    select
        visits.stage_visit_key,
        visits.work_item_key,
        current_items.parent_work_item_key,
        work_items.value_stream_key,
        current_items.workflow,
        work_items.level,
        cast({{ local_time('flows.started_at', 'value_streams.time_zone') }} as date)
            as started_date,
        cast({{ local_time('visits.entered_at', 'value_streams.time_zone') }} as date)
            as done_date,
        cast({{ local_time('visits.exited_at', 'value_streams.time_zone') }} as date)
            as undone_date

    from visits

    inner join work_items
        on visits.work_item_version_key = work_items.work_item_version_key

    inner join current_items
        on visits.work_item_key = current_items.work_item_key

    inner join {{ ref('fct_work_item_flows') }} as flows
        on visits.work_item_key = flows.work_item_key

    inner join {{ ref('dim_value_streams') }} as value_streams
        on work_items.value_stream_key = value_streams.value_stream_key

)

select * from final

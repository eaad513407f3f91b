with

visits as (

    select * from {{ ref('fct_stage_visits') }}
    where flow_state in ('wait', 'active')

),

work_items as (

    select * from {{ ref('dim_work_items') }}

),

attempts as (

    select * from {{ ref('fct_flow_attempts') }}
    where is_latest

),

finished as (

    select * from {{ ref('metric_cycle_times') }}

),

-- Finished work once, by the attempt that finished it; work that goes on as it stands now.
chosen as (

    select
        visits.*,
        finished.last_done_at

    from visits

    inner join attempts
        on
            visits.work_item_key = attempts.work_item_key
            and visits.attempt_no = attempts.attempt_no

    left join finished
        on visits.work_item_key = finished.work_item_key

    where visits.is_open or finished.work_item_key is not null

),

final as (

    select
        chosen.work_item_key,
        work_items.value_stream_key,
        stages.workflow,
        work_items.level,
        chosen.stage_key,
        chosen.stage,
        chosen.flow_state,
        stages.ordinal,
        chosen.is_open,
        chosen.is_rework,
        chosen.wait_s,
        chosen.active_s,
        -- A month is that of the value stream in which the work was.
        cast(
            date_trunc('month', {{ local_time('chosen.last_done_at', 'value_streams.time_zone') }})
            as date
        ) as month_start,
        cast(
            date_trunc('month', {{ local_time(as_of(), 'value_streams.time_zone') }}) as date
        ) as current_month

    from chosen

    inner join work_items
        on chosen.work_item_version_key = work_items.work_item_version_key

    inner join {{ ref('dim_value_streams') }} as value_streams
        on work_items.value_stream_key = value_streams.value_stream_key

    inner join {{ ref('dim_stages') }} as stages
        on chosen.stage_key = stages.stage_key

)

select * from final

-- The daily flows add up when the items in flow began; the other side reckons the age of each open
-- item from the visits of its last attempt.
with

daily as (

    select
        flows.value_stream_key,
        flows.workflow,
        flows.level,
        flows.work_type,
        sum(flows.age_sum_s) as age_s

    from {{ ref('fct_daily_flows') }} as flows

    inner join {{ ref('dim_value_streams') }} as value_streams
        on flows.value_stream_key = value_streams.value_stream_key

    where flows.date_day = cast({{ local_time(as_of(), 'value_streams.time_zone') }} as date)

    group by 1, 2, 3, 4

),

items as (

    select
        work_items.value_stream_key,
        work_items.workflow,
        work_items.level,
        work_items.work_type,
        sum(coalesce(flows.age_s, 0)) as age_s

    from {{ ref('fct_work_item_flows') }} as flows

    inner join {{ ref('dim_work_items') }} as work_items
        on flows.work_item_key = work_items.work_item_key and work_items.is_current

    group by 1, 2, 3, 4

)

select
    coalesce(items.value_stream_key, daily.value_stream_key) as value_stream_key,
    coalesce(items.workflow, daily.workflow) as workflow,
    coalesce(items.level, daily.level) as level,
    coalesce(items.work_type, daily.work_type) as work_type,
    daily.age_s as daily_age_s,
    items.age_s as items_age_s

from items

full join daily
    on
        items.value_stream_key = daily.value_stream_key
        and items.workflow = daily.workflow
        and items.level = daily.level
        and items.work_type = daily.work_type

where coalesce(daily.age_s, 0) <> coalesce(items.age_s, 0)

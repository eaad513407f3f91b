with

daily as (

    select
        flows.value_stream_key,
        sum(flows.age_sum_s) as age_s

    from {{ ref('fct_daily_flows') }} as flows

    inner join {{ ref('dim_value_streams') }} as value_streams
        on flows.value_stream_key = value_streams.value_stream_key

    where flows.date_day = cast({{ local_time(as_of(), 'value_streams.time_zone') }} as date)

    group by 1

),

items as (

    select
        work_items.value_stream_key,
        sum(coalesce(flows.age_s, 0)) as age_s

    from {{ ref('fct_work_item_flows') }} as flows

    inner join {{ ref('dim_work_items') }} as work_items
        on flows.work_item_version_key = work_items.work_item_version_key

    group by 1

)

select
    items.value_stream_key,
    daily.age_s as daily_age_s,
    items.age_s as items_age_s

from items

left join daily
    on items.value_stream_key = daily.value_stream_key

where coalesce(daily.age_s, 0) <> items.age_s

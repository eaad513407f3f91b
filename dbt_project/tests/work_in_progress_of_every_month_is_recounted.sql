with

month_ends as (

    select
        value_streams.value_stream_key,
        dates.date_day,
        {{ utc_of_local(
            "cast(dates.date_day + interval '1' day as timestamp)", 'value_streams.time_zone'
        ) }} as ends_at

    from {{ ref('dim_dates') }} as dates

    cross join {{ ref('dim_value_streams') }} as value_streams

    where dates.date_day = cast(dates.month_start + interval '1' month - interval '1' day as date)

),

past as (

    select * from month_ends
    where ends_at <= {{ as_of() }}

),

daily as (

    select
        flows.value_stream_key,
        flows.stage_key,
        flows.date_day,
        sum(flows.wip_eod) as wip

    from {{ ref('fct_daily_flows') }} as flows

    inner join past
        on
            flows.value_stream_key = past.value_stream_key
            and flows.date_day = past.date_day

    group by 1, 2, 3

),

open_visits as (

    select
        work_items.value_stream_key,
        visits.stage_key,
        past.date_day,
        count(*) as wip

    from {{ ref('fct_stage_visits') }} as visits

    inner join {{ ref('dim_work_items') }} as work_items
        on visits.work_item_key = work_items.work_item_key

    inner join past
        on
            work_items.value_stream_key = past.value_stream_key
            and visits.entered_at < past.ends_at
            and (visits.exited_at >= past.ends_at or visits.exited_at is null)
            and work_items.valid_from < past.ends_at
            and (work_items.valid_to >= past.ends_at or work_items.valid_to is null)

    where visits.flow_state not in ('done', 'cancelled')

    group by 1, 2, 3

)

select
    coalesce(daily.value_stream_key, open_visits.value_stream_key) as value_stream_key,
    coalesce(daily.stage_key, open_visits.stage_key) as stage_key,
    coalesce(daily.date_day, open_visits.date_day) as date_day,
    daily.wip as wip_of_the_day,
    open_visits.wip as open_visits

from daily

full join open_visits
    on
        daily.value_stream_key = open_visits.value_stream_key
        and daily.stage_key = open_visits.stage_key
        and daily.date_day = open_visits.date_day

where coalesce(daily.wip, 0) <> coalesce(open_visits.wip, 0)

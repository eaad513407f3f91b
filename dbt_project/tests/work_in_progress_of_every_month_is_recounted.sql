-- Every stay, from the recorded statuses, adds one to the month in which it begins and takes one
-- from the month in which it ends; what has added up by the end of a month was there then. An item
-- counts in the groups that it was in at the time.
with

stays as (

    select
        work_item_key,
        workflow,
        stage_key,
        changed_at as entered_at,
        coalesce(
            lead(changed_at) over (
                partition by work_item_key
                order by transition_seq
            ),
            timestamp '9999-12-31'
        ) as exited_at,
        flow_state

    from {{ ref('check_staged_statuses') }}

),

spans as (

    select
        work_items.value_stream_key,
        stays.workflow,
        work_items.level,
        work_items.work_type,
        stays.stage_key,
        value_streams.time_zone,
        greatest(stays.entered_at, work_items.valid_from) as starts_at,
        least(stays.exited_at, coalesce(work_items.valid_to, timestamp '9999-12-31')) as ends_at

    from stays

    inner join {{ ref('dim_work_items') }} as work_items
        on
            stays.work_item_key = work_items.work_item_key
            and stays.entered_at < coalesce(work_items.valid_to, timestamp '9999-12-31')
            and stays.exited_at > work_items.valid_from

    inner join {{ ref('dim_value_streams') }} as value_streams
        on work_items.value_stream_key = value_streams.value_stream_key

    where stays.flow_state not in ('done', 'cancelled')

),

events as (

    select
        value_stream_key,
        workflow,
        level,
        work_type,
        stage_key,
        cast(date_trunc('month', {{ local_time('starts_at', 'time_zone') }}) as date)
            as month_start,
        1 as change

    from spans

    union all

    select
        value_stream_key,
        workflow,
        level,
        work_type,
        stage_key,
        cast(date_trunc('month', {{ local_time('ends_at', 'time_zone') }}) as date)
            as month_start,
        -1 as change

    from spans

    where ends_at < timestamp '9999-12-31'

),

daily as (

    select
        flows.value_stream_key,
        flows.workflow,
        flows.level,
        flows.work_type,
        flows.stage_key,
        cast(date_trunc('month', flows.date_day) as date) as month_start,
        flows.wip_eod

    from {{ ref('fct_daily_flows') }} as flows

    where
        extract(day from flows.date_day + interval '1' day) = 1
        and flows.flow_state not in ('done', 'cancelled')

),

both_sides as (

    select
        *,
        cast(null as bigint) as wip_eod
    from events
    union all
    select
        value_stream_key,
        workflow,
        level,
        work_type,
        stage_key,
        month_start,
        0 as change,
        wip_eod
    from daily

),

months as (

    select
        value_stream_key,
        workflow,
        level,
        work_type,
        stage_key,
        month_start,
        sum(change) as change,
        max(wip_eod) as wip_eod

    from both_sides

    group by 1, 2, 3, 4, 5, 6

),

added_up as (

    select
        *,
        sum(change) over (
            partition by value_stream_key, workflow, level, work_type, stage_key
            order by month_start
            rows between unbounded preceding and current row
        ) as recounted

    from months

),

-- The month of as_of goes on.
past as (

    select added_up.*

    from added_up

    inner join {{ ref('dim_value_streams') }} as value_streams
        on added_up.value_stream_key = value_streams.value_stream_key

    where
        added_up.month_start
        < cast(date_trunc('month', {{ local_time(as_of(), 'value_streams.time_zone') }}) as date)

)

select
    value_stream_key,
    workflow,
    level,
    work_type,
    stage_key,
    month_start,
    wip_eod as wip_of_the_day,
    recounted

from past

where coalesce(wip_eod, 0) <> recounted

-- Three counts of what is open at as_of, by stream, workflow, level, type of work and stage: the
-- last day of the daily flows, the open visits, and the last recorded statuses.
with

counted as (

    select
        flows.value_stream_key,
        flows.workflow,
        flows.level,
        flows.work_type,
        flows.stage_key,
        flows.wip_eod as daily,
        0 as visits,
        0 as statuses

    from {{ ref('fct_daily_flows') }} as flows

    inner join {{ ref('dim_value_streams') }} as value_streams
        on flows.value_stream_key = value_streams.value_stream_key

    where flows.date_day = cast({{ local_time(as_of(), 'value_streams.time_zone') }} as date)

    union all

    select
        work_items.value_stream_key,
        work_items.workflow,
        work_items.level,
        work_items.work_type,
        visits.stage_key,
        0 as daily,
        1 as visits,
        0 as statuses

    from {{ ref('fct_stage_visits') }} as visits

    inner join {{ ref('dim_work_items') }} as work_items
        on visits.work_item_key = work_items.work_item_key and work_items.is_current

    where visits.exited_at is null and visits.flow_state not in ('done', 'cancelled')

    union all

    select
        value_stream_key,
        workflow,
        level,
        work_type,
        stage_key,
        0 as daily,
        0 as visits,
        1 as statuses

    from ({{ last_stages() }}) as last_stages

    where outcome = 'open'

)

select
    value_stream_key,
    workflow,
    level,
    work_type,
    stage_key,
    sum(daily) as wip_of_the_day,
    sum(visits) as open_visits,
    sum(statuses) as items_by_last_status

from counted

group by 1, 2, 3, 4, 5

having sum(daily) <> sum(statuses) or sum(visits) <> sum(statuses)

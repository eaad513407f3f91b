with

daily as (

    select
        value_stream_key,
        stage_key,
        sum(wip_eod) as wip

    from {{ ref('fct_daily_flows') }} as flows

    where
        date_day = (
            select max(last_days.date_day)
            from {{ ref('fct_daily_flows') }} as last_days
            where last_days.value_stream_key = flows.value_stream_key
        )

    group by 1, 2

),

open_visits as (

    select
        work_items.value_stream_key,
        visits.stage_key,
        count(*) as wip

    from {{ ref('fct_stage_visits') }} as visits

    inner join {{ ref('dim_work_items') }} as work_items
        on visits.work_item_key = work_items.work_item_key and work_items.is_current

    where visits.is_open

    group by 1, 2

),

last_transitions as (

    select
        work_item_key,
        max(transition_seq) as transition_seq

    from {{ ref('fct_stage_transitions') }}

    group by 1

),

recount as (

    select
        work_items.value_stream_key,
        stages.stage_key,
        count(*) as wip

    from last_transitions

    inner join {{ ref('fct_stage_transitions') }} as transitions
        on
            last_transitions.work_item_key = transitions.work_item_key
            and last_transitions.transition_seq = transitions.transition_seq

    inner join {{ ref('dim_work_items') }} as work_items
        on transitions.work_item_key = work_items.work_item_key and work_items.is_current

    inner join {{ ref('dim_stages') }} as stages
        on
            work_items.workflow = stages.workflow
            and transitions.to_stage = stages.stage

    where stages.flow_state not in ('done', 'cancelled')

    group by 1, 2

)

select
    recount.value_stream_key,
    recount.stage_key

from recount

full join open_visits
    on
        recount.value_stream_key = open_visits.value_stream_key
        and recount.stage_key = open_visits.stage_key

full join daily
    on
        recount.value_stream_key = daily.value_stream_key
        and recount.stage_key = daily.stage_key

where
    coalesce(recount.wip, 0) <> coalesce(open_visits.wip, 0)
    or coalesce(recount.wip, 0) <> coalesce(daily.wip, 0)

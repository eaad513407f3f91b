{{ config(materialized='incremental', incremental_strategy='items') }}

with

transitions as (

    select * from {{ ref('fct_stage_transitions') }}
    {{ only_touched(ages='is_open') }}

),

stages as (

    select * from {{ ref('dim_stages') }}

),

calendars_of_items as (

    select
        work_items.work_item_version_key,
        value_streams.time_zone,
        value_streams.calendar

    from {{ ref('dim_work_items') }} as work_items

    inner join {{ ref('dim_value_streams') }} as value_streams
        on work_items.value_stream_key = value_streams.value_stream_key

    {{ only_touched(ages='is_open') }}

),

blocks as (

    select
        work_item_key,
        blocked_from as starts_at,
        coalesce(blocked_to, {{ as_of() }}) as ends_at

    from {{ ref('fct_blocked_intervals') }}

    {{ only_touched(ages='is_open') }}

),

calendars as (

    select * from {{ ref('dim_calendars') }}

),

-- Two reasons at once block once.
blocked_times as (

    {{ union_of_intervals('blocks', 'work_item_key') }}

),

stays as (

    select
        transitions.work_item_key,
        transitions.work_item_version_key,
        transitions.transition_seq as visit_seq,
        transitions.attempt_no,
        stages.stage_key,
        stages.stage,
        stages.flow_state,
        transitions.map_version,
        transitions.is_rework,
        transitions.changed_at as entered_at,
        lead(transitions.changed_at) over in_order as exited_at,
        row_number() over (
            partition by transitions.work_item_key, stages.stage_key
            order by transitions.transition_seq
        ) as visit_no

    from transitions

    inner join stages
        on
            transitions.workflow = stages.workflow
            and transitions.to_stage = stages.stage

    window in_order as (
        partition by transitions.work_item_key
        order by transitions.transition_seq
    )

),

-- A stay in a finished stage that nothing follows is terminal: it has no end and no length.
ended as (

    select
        stays.*,
        stays.exited_at is null and stays.flow_state in ('done', 'cancelled') as is_terminal,
        coalesce(stays.exited_at, {{ as_of() }}) as ends_at,
        calendars_of_items.time_zone,
        calendars_of_items.calendar

    from stays

    left join calendars_of_items
        on stays.work_item_version_key = calendars_of_items.work_item_version_key

),

-- The stay, and the parts of it in which the item was blocked: blocks lie in the flow.
spans as (

    select
        work_item_key,
        visit_seq,
        time_zone,
        calendar,
        false as is_block,
        entered_at as starts_at,
        ends_at

    from ended

    where not is_terminal

    union all

    select
        ended.work_item_key,
        ended.visit_seq,
        ended.time_zone,
        ended.calendar,
        true as is_block,
        greatest(ended.entered_at, blocked_times.starts_at) as starts_at,
        least(ended.ends_at, blocked_times.ends_at) as ends_at

    from ended

    inner join blocked_times
        on
            ended.work_item_key = blocked_times.work_item_key
            and ended.entered_at < blocked_times.ends_at
            and ended.ends_at > blocked_times.starts_at

),

dated_spans as (

    select
        *,
        {{ seconds_between('starts_at', 'ends_at') }} as elapsed_s,
        cast({{ local_time('starts_at', 'time_zone') }} as date) as first_day,
        cast({{ local_time('ends_at', 'time_zone') }} as date) as last_day

    from spans

),

measured_spans as (

    select
        dated_spans.work_item_key,
        dated_spans.visit_seq,
        dated_spans.is_block,
        dated_spans.elapsed_s,
        {{ business_seconds_at('dated_spans.ends_at', 'last_days') }}
        - {{ business_seconds_at('dated_spans.starts_at', 'first_days') }} as business_s

    from dated_spans

    left join calendars as first_days
        on
            dated_spans.calendar = first_days.calendar
            and dated_spans.time_zone = first_days.time_zone
            and dated_spans.first_day = first_days.date_day

    left join calendars as last_days
        on
            dated_spans.calendar = last_days.calendar
            and dated_spans.time_zone = last_days.time_zone
            and dated_spans.last_day = last_days.date_day

),

measured as (

    select
        work_item_key,
        visit_seq,
        sum(case when not is_block then elapsed_s end) as elapsed_s,
        sum(case when not is_block then business_s end) as business_s,
        sum(case when is_block then elapsed_s else 0 end) as blocked_s,
        sum(case when is_block then business_s else 0 end) as blocked_business_s

    from measured_spans

    group by 1, 2

),

final as (

    select
        ended.work_item_key || ':' || ended.visit_seq as stage_visit_key,
        ended.work_item_key,
        ended.work_item_version_key,
        ended.visit_seq,
        ended.attempt_no,
        ended.stage_key,
        ended.stage,
        ended.flow_state,
        ended.map_version,
        ended.visit_no,
        cast(measured.elapsed_s as bigint) as elapsed_s,
        cast(measured.business_s as bigint) as business_s,
        cast(
            case
                when ended.flow_state = 'active' then measured.elapsed_s - measured.blocked_s
                when not ended.is_terminal then 0
            end as bigint
        ) as active_s,
        cast(
            case
                when ended.flow_state = 'active' then measured.blocked_s else measured.elapsed_s
            end as bigint
        ) as wait_s,
        cast(measured.blocked_s as bigint) as blocked_s,
        cast(
            case
                when ended.flow_state = 'active'
                    then measured.business_s - measured.blocked_business_s
                when not ended.is_terminal then 0
            end as bigint
        ) as active_business_s,
        cast(
            case
                when ended.flow_state = 'active' then measured.blocked_business_s
                else measured.business_s
            end as bigint
        ) as wait_business_s,
        ended.exited_at is null and not ended.is_terminal as is_open,
        ended.is_terminal,
        ended.is_rework,
        ended.entered_at,
        ended.exited_at

    from ended

    left join measured
        on
            ended.work_item_key = measured.work_item_key
            and ended.visit_seq = measured.visit_seq

)

select * from final

with

transitions as (

    select * from {{ ref('fct_stage_transitions') }}

),

stages as (

    select * from {{ ref('dim_stages') }}

),

work_items as (

    select
        work_items.work_item_key,
        value_streams.time_zone,
        value_streams.calendar

    from {{ ref('dim_work_items') }} as work_items

    inner join {{ ref('dim_value_streams') }} as value_streams
        on work_items.value_stream_key = value_streams.value_stream_key

    where work_items.is_current

),

blocked_intervals as (

    select * from {{ ref('fct_blocked_intervals') }}

),

calendars as (

    select * from {{ ref('dim_calendars') }}

),

stays as (

    select
        transitions.work_item_key,
        transitions.transition_seq as visit_seq,
        stages.stage_key,
        stages.stage,
        stages.flow_state,
        stages.ordinal,
        transitions.changed_at as entered_at,
        lead(transitions.changed_at) over in_order as exited_at,
        row_number() over (
            partition by transitions.work_item_key, stages.stage_key
            order by transitions.transition_seq
        ) as visit_no,
        max(case when stages.flow_state <> 'cancelled' then stages.ordinal end)
            over earlier as high_water

    from transitions

    inner join stages
        on
            transitions.workflow = stages.workflow
            and transitions.to_stage = stages.stage

    window
        in_order as (
            partition by transitions.work_item_key
            order by transitions.transition_seq
        ),
        earlier as (
            partition by transitions.work_item_key
            order by transitions.transition_seq
            rows between unbounded preceding and 1 preceding
        )

),

-- A stay in a finished stage that nothing follows is terminal: it has no end and no length.
ended as (

    select
        stays.*,
        stays.exited_at is null and stays.flow_state in ('done', 'cancelled') as is_terminal,
        case
            when stays.exited_at is not null then stays.exited_at
            when stays.flow_state not in ('done', 'cancelled') then {{ as_of() }}
        end as ends_at

    from stays

),

blocked as (

    select
        ended.work_item_key,
        ended.visit_seq,
        sum({{ seconds_between(
            'greatest(ended.entered_at, blocked_intervals.blocked_from)',
            'least(ended.ends_at, coalesce(blocked_intervals.blocked_to, ended.ends_at))'
        ) }}) as blocked_s

    from ended

    inner join blocked_intervals
        on
            ended.work_item_key = blocked_intervals.work_item_key
            and blocked_intervals.blocked_from < ended.ends_at
            and (
                blocked_intervals.blocked_to > ended.entered_at
                or blocked_intervals.blocked_to is null
            )

    where ended.flow_state not in ('done', 'cancelled')

    group by 1, 2

),

measured as (

    select
        ended.*,
        {{ seconds_between('ended.entered_at', 'ended.ends_at') }} as elapsed_s,
        case when not ended.is_terminal then coalesce(blocked.blocked_s, 0) end as blocked_s,
        {{ local_time('ended.entered_at', 'work_items.time_zone') }} as entered_local,
        {{ local_time('ended.ends_at', 'work_items.time_zone') }} as ends_local,
        work_items.time_zone,
        work_items.calendar

    from ended

    inner join work_items
        on ended.work_item_key = work_items.work_item_key

    left join blocked
        on
            ended.work_item_key = blocked.work_item_key
            and ended.visit_seq = blocked.visit_seq

),

final as (

    select
        measured.work_item_key || ':' || measured.visit_seq as stage_visit_key,
        measured.work_item_key,
        measured.visit_seq,
        measured.stage_key,
        measured.stage,
        measured.flow_state,
        measured.visit_no,
        cast(measured.elapsed_s as bigint) as elapsed_s,
        cast(
            case
                when not measured.is_terminal then
                    {{ business_seconds_at('measured.ends_at', 'last_days') }}
                    - {{ business_seconds_at('measured.entered_at', 'first_days') }}
            end as bigint
        ) as business_s,
        cast(
            case
                when measured.is_terminal then null
                when measured.flow_state = 'active' then measured.elapsed_s - measured.blocked_s
                else 0
            end as bigint
        ) as active_s,
        cast(
            case
                when measured.is_terminal then null
                when measured.flow_state = 'active' then measured.blocked_s
                else measured.elapsed_s
            end as bigint
        ) as wait_s,
        cast(measured.blocked_s as bigint) as blocked_s,
        measured.exited_at is null and not measured.is_terminal as is_open,
        measured.is_terminal,
        measured.stage <> 'unmapped'
        and measured.flow_state not in ('done', 'cancelled')
        and coalesce(measured.ordinal < measured.high_water, false) as is_rework,
        measured.entered_at,
        measured.exited_at

    from measured

    left join calendars as first_days
        on
            measured.calendar = first_days.calendar
            and measured.time_zone = first_days.time_zone
            and cast(measured.entered_local as date) = first_days.date_day

    left join calendars as last_days
        on
            measured.calendar = last_days.calendar
            and measured.time_zone = last_days.time_zone
            and cast(measured.ends_local as date) = last_days.date_day

)

select * from final

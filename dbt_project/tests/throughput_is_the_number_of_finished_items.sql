{{ config(group="metrics") }}
with

velocity as (

    select
        value_stream_key,
        workflow,
        level,
        period,
        sum(case when work_type = 'all' and team_key = 'all' then velocity else 0 end) as finished,
        sum(case when work_type <> 'all' and team_key = 'all' then velocity else 0 end)
            as finished_by_type,
        -- Teams have no days of their own.
        sum(
            case
                when work_type = 'all' and (team_key <> 'all' or period = 'day') then velocity
                else 0
            end
        ) as finished_by_team

    from {{ ref('measure_flow_periods') }}

    -- Increments need not cover the calendar.
    where period <> 'increment'

    group by 1, 2, 3, 4

),

workflows as (

    select
        work_item_key,
        workflow

    from {{ ref('dim_work_items') }}

    where is_current

),

finished as (

    select
        work_items.value_stream_key,
        workflows.workflow,
        work_items.level,
        count(*) as finished

    from {{ ref('fct_work_item_flows') }} as flows

    inner join workflows
        on flows.work_item_key = workflows.work_item_key

    inner join {{ ref('dim_work_items') }} as work_items
        on
            flows.work_item_key = work_items.work_item_key
            and {{ valid_at('work_items', 'flows.last_done_at') }}

    where flows.outcome = 'done'

    group by 1, 2, 3

),

arrived as (

    select
        value_stream_key,
        workflow,
        level,
        sum(arrivals - departures) as finished

    from {{ ref('fct_daily_flows') }}

    where flow_state = 'done'

    group by 1, 2, 3

)

select
    finished.value_stream_key,
    finished.workflow,
    finished.level,
    velocity.period,
    finished.finished,
    velocity.finished as velocity,
    arrived.finished as arrived

from finished

full join velocity
    on
        finished.value_stream_key = velocity.value_stream_key
        and finished.workflow = velocity.workflow
        and finished.level = velocity.level

left join arrived
    on
        coalesce(finished.value_stream_key, velocity.value_stream_key) = arrived.value_stream_key
        and coalesce(finished.workflow, velocity.workflow) = arrived.workflow
        and coalesce(finished.level, velocity.level) = arrived.level

where
    coalesce(finished.finished, 0) <> coalesce(velocity.finished, 0)
    or coalesce(finished.finished, 0) <> coalesce(velocity.finished_by_type, 0)
    or coalesce(finished.finished, 0) <> coalesce(velocity.finished_by_team, 0)
    or coalesce(finished.finished, 0) <> coalesce(arrived.finished, 0)

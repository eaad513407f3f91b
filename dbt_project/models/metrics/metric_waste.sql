with

work_items as (

    select
        work_items.work_item_version_key,
        work_items.value_stream_key,
        work_items.workflow,
        work_items.level,
        value_streams.time_zone

    from {{ ref('dim_work_items') }} as work_items

    inner join {{ ref('dim_value_streams') }} as value_streams
        on work_items.value_stream_key = value_streams.value_stream_key

),

flows as (

    select * from {{ ref('fct_work_item_flows') }}

),

finished as (

    select
        *,
        cast(date_trunc('month', finished_date) as date) as month_start

    from {{ ref('metric_cycle_times') }}

),

-- Whether a finished item reached its users can only be said where deployments name items.
deploying_lines as (

    select distinct
        finished.value_stream_key,
        finished.workflow,
        finished.level

    from finished

    inner join flows
        on finished.work_item_key = flows.work_item_key

    where flows.deployed_at is not null

),

waiting_for_release as (

    select
        finished.value_stream_key,
        finished.workflow,
        finished.level,
        finished.month_start

    from finished

    inner join flows
        on finished.work_item_key = flows.work_item_key

    inner join deploying_lines
        on
            finished.value_stream_key = deploying_lines.value_stream_key
            and finished.workflow = deploying_lines.workflow
            and finished.level = deploying_lines.level

    where
        finished.last_done_at + interval '30' day <= {{ as_of() }}
        and finished.last_done_at + interval '30' day
        < coalesce(flows.deployed_at, timestamp '9999-12-31')

),

transitions as (

    select
        transitions.direction,
        work_items.value_stream_key,
        transitions.workflow,
        work_items.level,
        cast(
            date_trunc('month', {{ local_time('transitions.changed_at', 'work_items.time_zone') }})
            as date
        ) as month_start

    from {{ ref('fct_stage_transitions') }} as transitions

    inner join work_items
        on transitions.work_item_version_key = work_items.work_item_version_key

    where transitions.direction in ('lateral', 'reopen')

),

handovers as (

    select
        work_items.value_stream_key,
        work_items.workflow,
        work_items.level,
        cast(
            date_trunc(
                'month', {{ local_time('handovers.handed_over_at', 'work_items.time_zone') }}
            ) as date
        ) as month_start

    from {{ ref('fct_handovers') }} as handovers

    inner join work_items
        on handovers.work_item_version_key = work_items.work_item_version_key

),

thrown_away as (

    select
        flows.active_s,
        work_items.value_stream_key,
        work_items.workflow,
        work_items.level,
        cast(
            date_trunc('month', {{ local_time('flows.cancelled_at', 'work_items.time_zone') }})
            as date
        ) as month_start

    from flows

    inner join work_items
        on flows.work_item_version_key = work_items.work_item_version_key

    where flows.is_cancelled_after_start and flows.cancelled_at is not null

),

stocks as (

    select
        *,
        cast(date_trunc('month', date_day) as date) as month_start,
        row_number() over (
            partition by value_stream_key, workflow, level, date_trunc('month', date_day)
            order by date_day desc
        ) as days_to_the_end

    from {{ ref('metric_wip_totals') }}

),

proxies as (

    select
        value_stream_key,
        workflow,
        level,
        month_start,
        'defects' as waste,
        'rework' as proxy,
        'high' as validity,
        count(*) as waste_count,
        sum(rework_s) as waste_s

    from finished

    where rework_s > 0

    group by 1, 2, 3, 4

    union all

    select
        value_stream_key,
        workflow,
        level,
        month_start,
        'defects' as waste,
        'defect_work' as proxy,
        'medium' as validity,
        count(*) as waste_count,
        sum(active_s) as waste_s

    from finished

    where work_type = 'defect'

    group by 1, 2, 3, 4

    union all

    select
        value_stream_key,
        workflow,
        level,
        month_start,
        'overproduction' as waste,
        'done_and_not_deployed' as proxy,
        'low' as validity,
        count(*) as waste_count,
        null as waste_s

    from waiting_for_release

    group by 1, 2, 3, 4

    union all

    select
        value_stream_key,
        workflow,
        level,
        month_start,
        'waiting' as waste,
        loss_kind as proxy,
        case when loss_kind = 'waiting' then 'high' else 'medium' end as validity,
        null as waste_count,
        sum(lost_s) as waste_s

    from {{ ref('metric_delay_pareto') }}

    group by 1, 2, 3, 4, loss_kind

    union all

    select
        value_stream_key,
        workflow,
        level,
        month_start,
        'transportation' as waste,
        'handovers' as proxy,
        'medium' as validity,
        count(*) as waste_count,
        null as waste_s

    from handovers

    group by 1, 2, 3, 4

    union all

    select
        value_stream_key,
        workflow,
        level,
        month_start,
        'inventory' as waste,
        'in_flow' as proxy,
        'medium' as validity,
        in_flow_items as waste_count,
        null as waste_s

    from stocks

    where days_to_the_end = 1 and in_flow_items > 0

    union all

    select
        value_stream_key,
        workflow,
        level,
        month_start,
        'inventory' as waste,
        'backlog' as proxy,
        'low' as validity,
        backlog_items as waste_count,
        null as waste_s

    from stocks

    where days_to_the_end = 1 and backlog_items > 0

    union all

    select
        value_stream_key,
        workflow,
        level,
        month_start,
        case when direction = 'lateral' then 'motion' else 'extra_processing' end as waste,
        case when direction = 'lateral' then 'lateral_moves' else 'reopened' end as proxy,
        case when direction = 'lateral' then 'low' else 'medium' end as validity,
        count(*) as waste_count,
        null as waste_s

    from transitions

    group by 1, 2, 3, 4, direction

    union all

    select
        value_stream_key,
        workflow,
        level,
        month_start,
        'extra_processing' as waste,
        'cancelled_after_start' as proxy,
        'high' as validity,
        count(*) as waste_count,
        sum(active_s) as waste_s

    from thrown_away

    group by 1, 2, 3, 4

),

-- What nobody can measure is said, and not left out.
unmeasured as (

    select distinct
        value_stream_key,
        workflow,
        level,
        month_start,
        'talent' as waste,
        'none' as proxy,
        'not_measurable' as validity,
        cast(null as bigint) as waste_count,
        cast(null as bigint) as waste_s

    from proxies

),

unioned as (

    select * from proxies
    union all
    select * from unmeasured

),

final as (

    select
        unioned.value_stream_key || '|' || unioned.workflow || '|' || unioned.level || '|'
        || unioned.waste || '|' || unioned.proxy || '|' || cast(unioned.month_start as varchar)
            as metric_waste_key,
        unioned.value_stream_key,
        unioned.workflow,
        unioned.level,
        unioned.waste,
        unioned.proxy,
        unioned.validity,
        cast(unioned.waste_count as bigint) as waste_count,
        cast(unioned.waste_s as bigint) as waste_s,
        cast(date_trunc('month', {{ local_time(as_of(), 'value_streams.time_zone') }}) as date)
        > unioned.month_start as is_complete_period,
        unioned.month_start

    from unioned

    inner join {{ ref('dim_value_streams') }} as value_streams
        on unioned.value_stream_key = value_streams.value_stream_key

)

select * from final

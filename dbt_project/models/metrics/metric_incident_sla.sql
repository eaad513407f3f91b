with

task_slas as (

    select * from {{ ref('fct_task_slas') }}

),

incidents as (

    select * from {{ ref('fct_incidents') }}

),

flows as (

    select * from {{ ref('fct_work_item_flows') }}

),

versions as (

    select
        work_items.*,
        value_streams.time_zone

    from {{ ref('dim_work_items') }} as work_items

    inner join {{ ref('dim_value_streams') }} as value_streams
        on work_items.value_stream_key = value_streams.value_stream_key

),

dates as (

    select * from {{ ref('dim_dates') }}

),

-- ServiceNow's own verdict on the incident, which is there without any agreement, is an
-- agreement from its opening to its end.
agreed as (

    select
        task_slas.work_item_key,
        task_slas.target,
        task_slas.counted_s as time_s,
        task_slas.outcome as verdict,
        incidents.opened_at,
        task_slas.started_at,
        task_slas.breached_at,
        -- An end that nobody dates is where the clock started.
        case
            when not task_slas.is_running
                then coalesce(task_slas.ended_at, task_slas.started_at)
        end as ended_at

    from task_slas

    inner join incidents
        on task_slas.work_item_key = incidents.work_item_key

    union all

    select
        incidents.work_item_key,
        'incident' as target,
        incidents.time_to_resolve_s as time_s,
        case
            when flows.outcome = 'done' and incidents.made_sla then 'met'
            when flows.outcome = 'done' then 'breached'
        end as verdict,
        incidents.opened_at,
        incidents.opened_at as started_at,
        case
            when not incidents.made_sla then coalesce(incidents.sla_missed_at, {{ as_of() }})
        end as breached_at,
        coalesce(flows.last_done_at, flows.cancelled_at) as ended_at

    from incidents

    inner join flows
        on incidents.work_item_key = flows.work_item_key

    where incidents.made_sla is not null and flows.outcome <> 'deleted'

),

-- Whose an agreement is, is decided when it ends; whose a running one is, now. Months are those
-- of the value stream.
placed as (

    select
        versions.value_stream_key,
        versions.level,
        coalesce(versions.priority, 'unknown') as priority,
        agreed.target,
        agreed.time_s,
        agreed.verdict,
        cast(
            date_trunc('month', {{ local_time('agreed.started_at', 'versions.time_zone') }}) as date
        ) as started_month,
        cast(
            date_trunc('month', {{ local_time('agreed.ended_at', 'versions.time_zone') }}) as date
        ) as ended_month,
        -- What was broken after its end never ran broken.
        case
            when agreed.breached_at < coalesce(agreed.ended_at, timestamp '9999-12-31')
                then
                    cast(
                        date_trunc(
                            'month', {{ local_time('agreed.breached_at', 'versions.time_zone') }}
                        ) as date
                    )
        end as breached_month,
        cast({{ local_time(as_of(), 'versions.time_zone') }} as date) as last_day

    from agreed

    inner join versions
        on
            agreed.work_item_key = versions.work_item_key
            and {{ valid_at(
                'versions',
                'greatest(coalesce(agreed.ended_at, ' ~ as_of() ~ '), agreed.opened_at)'
            ) }}

),

groups as (

    select
        value_stream_key,
        level,
        priority,
        target,
        last_day,
        min(started_month) as first_month

    from placed

    group by 1, 2, 3, 4, 5

),

grid as (

    select
        groups.value_stream_key,
        groups.level,
        groups.priority,
        groups.target,
        dates.date_day as month_start,
        cast(dates.date_day + interval '1' month as date) <= groups.last_day
            as is_complete_period

    from groups

    inner join dates
        on dates.date_day between groups.first_month and groups.last_day

    where dates.date_day = dates.month_start

),

events as (

    select
        value_stream_key,
        level,
        priority,
        target,
        started_month as month_start,
        'started' as event,
        breached_month,
        time_s
    from placed

    union all

    select
        value_stream_key,
        level,
        priority,
        target,
        breached_month as month_start,
        'breached_running' as event,
        breached_month,
        time_s
    from placed
    where breached_month is not null

    union all

    select
        value_stream_key,
        level,
        priority,
        target,
        ended_month as month_start,
        case when verdict in ('met', 'breached') then verdict else 'unjudged' end as event,
        breached_month,
        time_s
    from placed
    where ended_month is not null

),

counted as (

    select
        value_stream_key,
        level,
        priority,
        target,
        month_start,
        count(case when event = 'started' then 1 end) as started,
        count(case when event = 'met' then 1 end) as met,
        count(case when event = 'breached' then 1 end) as breached,
        count(case when event = 'unjudged' then 1 end) as unjudged,
        count(case when event = 'breached_running' then 1 end)
        - count(
            case
                when event in ('breached', 'unjudged') and breached_month is not null then 1
            end
        ) as breached_running_change,
        count(case when event in ('met', 'breached') then time_s end) as time_n,
        {{ percentile(0.5, "case when event in ('met', 'breached') then time_s end") }}
            as time_p50_s,
        {{ percentile(0.85, "case when event in ('met', 'breached') then time_s end") }}
            as time_p85_s

    from events

    group by 1, 2, 3, 4, 5

),

summed as (

    select
        grid.value_stream_key,
        grid.level,
        grid.priority,
        grid.target,
        grid.month_start,
        grid.is_complete_period,
        coalesce(counted.started, 0) as started,
        coalesce(counted.met, 0) as met,
        coalesce(counted.breached, 0) as breached,
        coalesce(counted.unjudged, 0) as unjudged,
        coalesce(counted.time_n, 0) as time_n,
        counted.time_p50_s,
        counted.time_p85_s,
        sum(counted.started - counted.met - counted.breached - counted.unjudged)
            over so_far as running,
        sum(counted.breached_running_change) over so_far as running_breached

    from grid

    left join counted
        on
            grid.value_stream_key = counted.value_stream_key
            and grid.level = counted.level
            and grid.priority = counted.priority
            and grid.target = counted.target
            and grid.month_start = counted.month_start

    window so_far as (
        partition by grid.value_stream_key, grid.level, grid.priority, grid.target
        order by grid.month_start
        rows between unbounded preceding and current row
    )

),

-- Months in which nothing was open have no rows.
final as (

    select
        cast(month_start as varchar) || '|' || value_stream_key || '|' || level
        || '|' || priority || '|' || target as metric_incident_sla_key,
        month_start,
        value_stream_key,
        level,
        priority,
        target,
        cast(started as bigint) as started,
        cast(met + breached as bigint) as ended,
        cast(met as bigint) as met,
        cast(breached as bigint) as breached,
        cast(unjudged as bigint) as unjudged,
        cast(running as bigint) as running,
        cast(running_breached as bigint) as running_breached,
        cast(met as double) / nullif(met + breached, 0) as met_share,
        cast(time_n as bigint) as time_n,
        time_p50_s,
        time_p85_s,
        is_complete_period

    from summed

    where running + met + breached + unjudged > 0

)

select * from final

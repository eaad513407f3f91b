with

stages as (

    select * from {{ ref('dim_stages') }}
    where flow_state in ('wait', 'active') and ordinal > 0

),

-- What waits, waits for the work that comes next in the workflow.
following as (

    select
        *,
        min(case when flow_state = 'active' then ordinal end) over (
            partition by workflow
            order by ordinal desc
            rows between unbounded preceding and current row
        ) as work_ordinal

    from stages

),

workers as (

    select
        workflow,
        ordinal,
        min(stage_key) as stage_key,
        min(stage) as stage

    from stages

    where flow_state = 'active'

    group by 1, 2

),

-- Where no work follows, items wait for a gate that nobody records: the queue stands for it.
stations as (

    select
        following.stage_key,
        following.flow_state = 'wait' as is_queue,
        following.work_ordinal is null as is_gate,
        case
            when following.flow_state = 'wait' and workers.stage_key is not null
                then workers.stage_key
            else following.stage_key
        end as station_key,
        case
            when following.flow_state = 'wait' and workers.stage is not null then workers.stage
            else following.stage
        end as station,
        case
            when following.flow_state = 'wait' and workers.ordinal is not null
                then workers.ordinal
            else following.ordinal
        end as station_ordinal

    from following

    left join workers
        on
            following.workflow = workers.workflow
            and following.work_ordinal = workers.ordinal

),

stays as (

    select
        stays.*,
        stations.station_key,
        stations.station,
        stations.station_ordinal,
        stations.is_queue,
        stations.is_gate,
        coalesce(stays.exited_at, {{ as_of() }}) as ends_at

    from {{ ref('fct_group_stays') }} as stays

    inner join stations
        on stays.stage_key = stations.stage_key

    where stays.entered_at < {{ as_of() }}

),

blocks as (

    select
        work_item_key,
        blocked_from as starts_at,
        coalesce(blocked_to, {{ as_of() }}) as ends_at

    from {{ ref('fct_blocked_intervals') }}

),

blocked_times as (

    {{ union_of_intervals('blocks', 'work_item_key') }}

),

-- The stay, and the parts of it in which somebody else was waited for.
spans as (

    select
        stays.*,
        false as is_block,
        stays.entered_at as span_starts_at,
        stays.ends_at as span_ends_at

    from stays

    union all

    select
        stays.*,
        true as is_block,
        greatest(stays.entered_at, blocked_times.starts_at) as span_starts_at,
        least(stays.ends_at, blocked_times.ends_at) as span_ends_at

    from stays

    inner join blocked_times
        on
            stays.work_item_key = blocked_times.work_item_key
            and stays.entered_at < blocked_times.ends_at
            and stays.ends_at > blocked_times.starts_at

),

final as (

    select
        group_stay_key,
        work_item_key,
        work_item_version_key,
        value_stream_key,
        workflow,
        level,
        time_zone,
        value_stream_key || '|' || workflow || '|' || level as line_key,
        value_stream_key || '|' || level || '|' || station_key as line_station_key,
        station_key,
        station,
        station_ordinal,
        transition_seq,
        is_queue,
        is_gate,
        is_block,
        entered_at,
        exited_at,
        span_starts_at as starts_at,
        span_ends_at as ends_at

    from spans

)

select * from final

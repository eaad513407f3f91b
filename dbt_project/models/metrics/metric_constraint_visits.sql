with

spans as (

    select * from {{ ref('measure_station_spans') }}

),

stays as (

    select
        group_stay_key,
        work_item_key,
        work_item_version_key,
        value_stream_key,
        workflow,
        level,
        time_zone,
        line_key,
        line_station_key,
        station_key,
        station,
        transition_seq,
        is_queue,
        is_gate,
        entered_at,
        exited_at,
        sum(
            case when is_block then -1 else 1 end * {{ seconds_between('starts_at', 'ends_at') }}
        ) as unblocked_s

    from spans

    group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16

),

-- Waiting belongs to the work that the item came to next.
numbered as (

    select
        *,
        count(case when not is_queue then 1 end) over (
            partition by work_item_key, line_key
            order by entered_at, transition_seq
            rows between unbounded preceding and 1 preceding
        ) as visits_before

    from stays

),

waited as (

    select
        *,
        count(case when is_queue then 1 end) over before_it as queue_stays,
        sum(case when is_queue then unblocked_s else 0 end) over before_it as queue_wait_s

    from numbered

    window before_it as (
        partition by work_item_key, line_station_key, visits_before
    )

),

-- Whoever passed a gate has been served when it left the queue.
served as (

    select
        *,
        case when is_gate then unblocked_s else queue_wait_s end as wait_s,
        is_gate or queue_stays > 0 as was_queued,
        case when is_gate then exited_at else entered_at end as served_at

    from waited

    where not is_queue or (is_gate and exited_at is not null)

),

final as (

    select
        group_stay_key as constraint_visit_key,
        work_item_key,
        work_item_version_key,
        value_stream_key,
        workflow,
        level,
        station_key as stage_key,
        station as stage,
        cast(wait_s as bigint) as queue_wait_s,
        was_queued,
        served_at,
        cast(
            date_trunc('week', {{ local_time(as_of(), 'time_zone') }}) as date
        ) > cast(
            date_trunc('week', {{ local_time('served_at', 'time_zone') }}) as date
        ) as is_complete_period,
        cast(
            date_trunc('week', {{ local_time('served_at', 'time_zone') }}) as date
        ) as week_start

    from served

)

select * from final

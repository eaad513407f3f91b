with

lines as (

    select line_key
    from {{ ref('measure_scenario_lines') }}
    group by 1

),

stays as (

    select
        spans.line_key,
        spans.work_item_key,
        spans.station_key,
        spans.station,
        spans.station_ordinal,
        spans.time_zone,
        spans.transition_seq,
        spans.is_queue,
        spans.is_gate,
        spans.entered_at,
        spans.exited_at,
        sum(
            case when spans.is_block then -1 else 1 end
            * {{ seconds_between('spans.starts_at', 'spans.ends_at') }}
        ) as unblocked_s

    from {{ ref('measure_station_spans') }} as spans

    inner join lines
        on spans.line_key = lines.line_key

    group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11

),

-- Whoever comes from nowhere enters the line; whoever comes from another station goes on in it.
followed as (

    select
        *,
        case when lag(exited_at) over in_order = entered_at then 0 else 1 end as is_entry,
        case
            when
                lag(exited_at) over in_order = entered_at
                and lag(station_key) over in_order = station_key
                and not (is_queue and not lag(is_queue) over in_order)
                then 0
            else 1
        end as is_arrival

    from stays

    window in_order as (
        partition by line_key, work_item_key
        order by entered_at, transition_seq
    )

),

numbered as (

    select
        *,
        sum(is_arrival) over (
            partition by line_key, work_item_key
            order by entered_at, transition_seq
            rows between unbounded preceding and current row
        ) as passage_no

    from followed

),

passages as (

    select
        line_key,
        work_item_key,
        station_key,
        station,
        station_ordinal,
        time_zone,
        is_gate,
        passage_no,
        max(is_entry) as is_entry,
        min(entered_at) as came_at,
        case when count(*) = count(exited_at) then max(exited_at) end as left_at,
        sum(case when is_gate or not is_queue then unblocked_s end) as work_s

    from numbered

    group by 1, 2, 3, 4, 5, 6, 7, 8

),

final as (

    select
        *,
        case
            when lead(came_at) over in_order = left_at then lead(station_key) over in_order
        end as next_station_key,
        cast(
            date_trunc('week', {{ local_time(as_of(), 'time_zone') }}) as date
        ) as this_week,
        {{ utc_of_local(
            "date_trunc('week', " ~ local_time(as_of(), 'time_zone') ~ ")", 'time_zone'
        ) }} as window_ends_at

    from passages

    window in_order as (
        partition by line_key, work_item_key
        order by passage_no
    )

)

select
    line_key,
    work_item_key,
    station_key,
    station,
    station_ordinal,
    is_gate,
    passage_no,
    is_entry = 1 as is_entry,
    came_at,
    left_at,
    cast(work_s as bigint) as work_s,
    next_station_key,
    this_week,
    window_ends_at

from final

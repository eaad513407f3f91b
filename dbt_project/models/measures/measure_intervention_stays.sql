with

interventions as (

    select * from {{ ref('interventions') }}

),

-- All stays of the lines that somebody intervened in, with their time that nothing blocked.
stays as (

    select
        interventions.intervention_key,
        spans.work_item_key,
        spans.time_zone,
        spans.line_key,
        spans.line_station_key,
        spans.station_key,
        spans.transition_seq,
        spans.is_queue,
        spans.is_gate,
        interventions.stage = spans.station as is_here,
        spans.entered_at,
        spans.exited_at,
        sum(
            case when spans.is_block then -1 else 1 end
            * {{ seconds_between('spans.starts_at', 'spans.ends_at') }}
        ) as unblocked_s

    from {{ ref('measure_station_spans') }} as spans

    inner join interventions
        on
            spans.value_stream_key = interventions.value_stream_key
            and spans.workflow = interventions.workflow
            and spans.level = interventions.level

    group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12

),

-- An item passes the station once while it neither goes elsewhere nor leaves the line.
followed as (

    select
        *,
        case
            when
                lag(is_here) over in_order
                and lag(exited_at) over in_order = entered_at
                then 0
            else 1
        end as is_arrival

    from stays

    window in_order as (
        partition by intervention_key, work_item_key
        order by entered_at, transition_seq
    )

),

numbered as (

    select
        *,
        sum(is_arrival) over (
            partition by intervention_key, work_item_key
            order by entered_at, transition_seq
            rows between unbounded preceding and current row
        ) as passage_no

    from followed

    where is_here

),

final as (

    select
        intervention_key,
        work_item_key,
        time_zone,
        line_key,
        line_station_key,
        station_key,
        passage_no,
        min(entered_at) as came_at,
        case when count(*) = count(exited_at) then max(exited_at) end as left_at,
        bool_or(not is_queue or is_gate) as is_served,
        sum(case when not is_queue then unblocked_s end) as work_s

    from numbered

    group by 1, 2, 3, 4, 5, 6, 7

)

select * from final

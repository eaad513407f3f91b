with

finished as (

    select
        cycle_times.value_stream_key,
        cycle_times.workflow,
        cycle_times.level,
        dates.iso_week_start as week_start,
        cycle_times.item_key,
        row_number() over (
            partition by
                cycle_times.value_stream_key, cycle_times.workflow, cycle_times.level,
                dates.iso_week_start
            order by cycle_times.last_done_at, cycle_times.item_key
        ) as row_num

    from {{ ref('metric_cycle_times') }} as cycle_times

    inner join {{ ref('dim_dates') }} as dates
        on cycle_times.finished_date = dates.date_day

),

evidence as (

    select
        value_stream_key,
        workflow,
        level,
        week_start,
        {{ first_five('item_key', 'row_num') }} as evidence_items

    from finished

    group by 1, 2, 3, 4

),

final as (

    select
        streams.name as value_stream,
        points.workflow,
        points.level,
        points.week_start,
        points.velocity as finished_items,
        points.centre as expected_items,
        points.lower_limit,
        points.upper_limit,
        case
            when points.no_limits_reason is not null
                then 'no limits: ' || points.no_limits_reason
            when points.is_signal then 'signal: ' || points.signal
            else 'ordinary'
        end as verdict,
        points.baseline_n as n,
        points.expected_false_alarm_share,
        evidence.evidence_items

    from {{ ref('metric_throughput_xmr') }} as points

    inner join {{ ref('dim_value_streams') }} as streams
        on points.value_stream_key = streams.value_stream_key

    left join evidence
        on
            points.value_stream_key = evidence.value_stream_key
            and points.workflow = evidence.workflow
            and points.level = evidence.level
            and points.week_start = evidence.week_start

    where points.is_complete_period

)

select * from final

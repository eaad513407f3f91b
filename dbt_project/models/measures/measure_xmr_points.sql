with

finished as (

    select
        times.value_stream_key,
        times.workflow,
        times.level,
        times.start_to_done_s,
        dates.iso_week_start as week_start

    from {{ ref('metric_cycle_times') }} as times

    inner join {{ ref('dim_dates') }} as dates
        on times.finished_date = dates.date_day

),

-- Raw times are skewed and would give false signals; their logarithms are not. Averages are of
-- decimals: sums of floating point depend on the order of the rows, and no build repeats that.
measured as (

    select
        value_stream_key,
        workflow,
        level,
        week_start,
        count(*) as velocity,
        count(case when start_to_done_s > 0 then 1 end) as timed_items,
        cast(
            avg(
                case
                    when start_to_done_s > 0
                        then cast(ln(start_to_done_s / cast(3600 as double)) as decimal(18, 9))
                end
            ) as decimal(18, 9)
        ) as log_h

    from finished

    group by 1, 2, 3, 4

),

-- A chart begins with the first week in which something was finished, and ends with the last week
-- that is over where its value stream is: no point ever changes because a week goes on.
charts as (

    select
        measured.value_stream_key,
        measured.workflow,
        measured.level,
        value_streams.time_zone,
        today.iso_week_start as this_week,
        min(measured.week_start) as first_week

    from measured

    inner join {{ ref('dim_value_streams') }} as value_streams
        on measured.value_stream_key = value_streams.value_stream_key

    inner join {{ ref('dim_dates') }} as today
        on
            cast({{ local_time(as_of(), 'value_streams.time_zone') }} as date) = today.date_day

    group by 1, 2, 3, 4, 5

),

calendar_weeks as (

    select iso_week_start as week_start
    from {{ ref('dim_dates') }}
    group by 1

),

weeks as (

    select
        charts.value_stream_key,
        charts.workflow,
        charts.level,
        charts.time_zone,
        charts.this_week,
        calendar_weeks.week_start

    from charts

    inner join calendar_weeks
        on
            calendar_weeks.week_start >= charts.first_week
            and calendar_weeks.week_start < charts.this_week

),

valued as (

    select
        'velocity' as metric,
        weeks.value_stream_key,
        weeks.workflow,
        weeks.level,
        weeks.time_zone,
        weeks.week_start,
        weeks.this_week,
        coalesce(measured.velocity, 0) as n,
        cast(coalesce(measured.velocity, 0) as decimal(18, 9)) as value

    from weeks

    left join measured
        on
            weeks.value_stream_key = measured.value_stream_key
            and weeks.workflow = measured.workflow
            and weeks.level = measured.level
            and weeks.week_start = measured.week_start

    union all

    select
        'flow_time_log_h' as metric,
        weeks.value_stream_key,
        weeks.workflow,
        weeks.level,
        weeks.time_zone,
        weeks.week_start,
        weeks.this_week,
        measured.timed_items as n,
        measured.log_h as value

    from weeks

    inner join measured
        on
            weeks.value_stream_key = measured.value_stream_key
            and weeks.workflow = measured.workflow
            and weeks.level = measured.level
            and weeks.week_start = measured.week_start

    where measured.timed_items > 0

),

final as (

    select
        metric,
        value_stream_key,
        workflow,
        level,
        time_zone,
        row_number() over (
            partition by metric, value_stream_key, workflow, level
            order by week_start
        ) as point_no,
        n,
        value,
        week_start,
        cast(week_start + interval '6' day as date) as week_end,
        cast(this_week - interval '1' day as date) as last_day

    from valued

)

select * from final

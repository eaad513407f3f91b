with

spans as (

    select
        *,
        case when is_block then -1 else 1 end as sign

    from {{ ref('measure_station_spans') }}

),

lines as (

    select
        line_key,
        time_zone,
        cast(
            date_trunc('week', min({{ local_time('starts_at', 'time_zone') }})) as date
        ) as first_week,
        cast({{ local_time(as_of(), 'time_zone') }} as date) as last_day

    from spans

    group by 1, 2

),

weeks as (

    select
        lines.line_key,
        dates.date_day as week_start,
        {{ utc_of_local('cast(dates.date_day as timestamp)', 'lines.time_zone') }} as starts_at

    from lines

    {{ each_day('lines.first_week', 'lines.last_day', 'line_day') }}

    inner join {{ ref('dim_dates') }} as dates
        on line_day = dates.date_day

    where dates.date_day = dates.iso_week_start

),

stations as (

    select
        line_key,
        line_station_key

    from spans

    group by 1, 2

),

-- Who comes and who leaves, and the beginning of every week, when nobody need move. A blocked item
-- waits for somebody else: it neither queues for the station nor keeps it busy.
events as (

    select
        line_key,
        line_station_key,
        starts_at as happened_at,
        cast(null as date) as week_start,
        sign * case when is_queue then 1 else 0 end as queue_change,
        sign * case when is_queue then 0 else 1 end as active_change

    from spans

    union all

    select
        line_key,
        line_station_key,
        ends_at as happened_at,
        cast(null as date) as week_start,
        -sign * case when is_queue then 1 else 0 end as queue_change,
        -sign * case when is_queue then 0 else 1 end as active_change

    from spans

    union all

    select
        stations.line_key,
        stations.line_station_key,
        weeks.starts_at as happened_at,
        weeks.week_start,
        0 as queue_change,
        0 as active_change

    from stations

    inner join weeks
        on stations.line_key = weeks.line_key

),

moments as (

    select
        line_key,
        line_station_key,
        happened_at,
        max(week_start) as week_start,
        sum(queue_change) as queue_change,
        sum(active_change) as active_change

    from events

    group by 1, 2, 3

),

final as (

    select
        line_key,
        line_station_key,
        happened_at as starts_at,
        coalesce(lead(happened_at) over in_order, {{ as_of() }}) as ends_at,
        cast(max(week_start) over so_far as date) as week_start,
        cast(sum(queue_change) over so_far as bigint) as queued_items,
        cast(sum(active_change) over so_far as bigint) as active_items

    from moments

    window
        in_order as (
            partition by line_station_key
            order by happened_at
        ),
        so_far as (
            partition by line_station_key
            order by happened_at
            rows between unbounded preceding and current row
        )

)

select
    line_key,
    line_station_key,
    week_start,
    queued_items,
    active_items,
    {{ seconds_between('starts_at', 'ends_at') }} as step_s,
    starts_at,
    ends_at

from final

where starts_at < {{ as_of() }}

with

zones as (

    select
        calendar,
        time_zone

    from {{ ref('dim_value_streams') }}

    group by 1, 2

),

own_hours as (

    select
        calendar,
        iso_weekday,
        lpad(work_start, 5, '0') as work_start,
        lpad(work_end, 5, '0') as work_end

    from {{ ref('calendars') }}

),

-- A calendar that nobody has written has the standard hours.
hours as (

    select * from own_hours

    union all

    select
        zones.calendar,
        standard.iso_weekday,
        standard.work_start,
        standard.work_end

    from (select distinct calendar from zones) as zones

    cross join {{ ref('standard_calendar') }} as standard

    where zones.calendar not in (select own_hours.calendar from own_hours)

),

holidays as (

    select * from {{ ref('holidays') }}

),

days as (

    select
        zones.calendar,
        zones.time_zone,
        dates.date_day,
        hours.iso_weekday is not null and holidays.holiday_date is null as is_working_day,
        holidays.name as holiday_name,
        hours.work_start,
        hours.work_end

    from zones

    cross join {{ ref('dim_dates') }} as dates

    left join hours
        on
            zones.calendar = hours.calendar
            and extract(isodow from dates.date_day) = hours.iso_weekday

    left join holidays
        on
            zones.calendar = holidays.calendar
            and dates.date_day = holidays.holiday_date

),

-- Who works until an earlier hour than the first one works into the next day.
shifts as (

    select
        calendar,
        time_zone,
        date_day,
        is_working_day,
        holiday_name,
        case when is_working_day then work_start else '00:00' end as work_start,
        case when is_working_day then work_end else '00:00' end as work_end,
        cast(
            case
                when is_working_day and work_end < work_start then date_day + interval '1' day
                else date_day
            end as date
        ) as closing_day

    from days

),

opened as (

    select
        calendar,
        time_zone,
        date_day,
        is_working_day,
        holiday_name,
        {{ utc_of_local('cast(date_day as timestamp)', 'time_zone') }} as begins_at,
        {{ utc_of_local(
            "(cast(cast(date_day as varchar) || ' ' || work_start as timestamp))", 'time_zone'
        ) }} as opens_at,
        {{ utc_of_local(
            "(cast(cast(closing_day as varchar) || ' ' || work_end as timestamp))", 'time_zone'
        ) }} as closes_at

    from shifts

),

measured as (

    select
        *,
        {{ seconds_between('opens_at', 'closes_at') }} as open_s,
        coalesce(
            lag(closes_at) over (
                partition by calendar, time_zone
                order by date_day
            ),
            begins_at
        ) as previous_closes_at

    from opened

),

final as (

    select
        calendar,
        time_zone,
        date_day,
        is_working_day,
        holiday_name,
        opens_at,
        closes_at,
        previous_closes_at,
        cast(open_s as bigint) as open_s,
        cast(
            sum(open_s) over (
                partition by calendar, time_zone
                order by date_day
                rows between unbounded preceding and current row
            ) - open_s as bigint
        ) as open_before_s

    from measured

)

select * from final

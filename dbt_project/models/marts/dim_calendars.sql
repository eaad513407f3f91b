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
        work_start,
        work_end

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
        coalesce(hours.work_start, '00:00') as work_start,
        coalesce(hours.work_end, '00:00') as work_end

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

opened as (

    select
        calendar,
        time_zone,
        date_day,
        is_working_day,
        holiday_name,
        {{ utc_of_local(
            "(cast(cast(date_day as varchar) || ' ' || work_start as timestamp))", 'time_zone'
        ) }} as opens_at,
        {{ utc_of_local(
            "(cast(cast(date_day as varchar) || ' ' || work_end as timestamp))", 'time_zone'
        ) }} as closes_at

    from days

),

measured as (

    select
        *,
        case
            when is_working_day then {{ seconds_between('opens_at', 'closes_at') }} else 0
        end as open_s

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

with

value_streams as (

    select * from {{ ref('dim_value_streams') }}

),

-- The days of the week on which a calendar ever works.
weekdays as (

    select distinct
        calendar,
        extract(isodow from date_day) as iso_weekday

    from {{ ref('dim_calendars') }}

    where is_working_day

),

holidays as (

    select distinct
        calendar,
        holiday_date

    from {{ ref('holidays') }}

),

weeks as (

    select
        calendar,
        count(*) as working_days_a_week

    from weekdays

    group by 1

),

final as (

    select
        value_streams.value_stream_key || '|' || cast(holidays.holiday_date as varchar)
            as holiday_key,
        value_streams.value_stream_key,
        holidays.holiday_date,
        weeks.working_days_a_week

    from value_streams

    inner join holidays
        on value_streams.calendar = holidays.calendar

    inner join weeks
        on value_streams.calendar = weeks.calendar

    inner join weekdays
        on
            value_streams.calendar = weekdays.calendar
            and extract(isodow from holidays.holiday_date) = weekdays.iso_weekday

)

select * from final

with

value_streams as (

    select * from {{ ref('dim_value_streams') }}

),

hours as (

    select * from {{ ref('int_working_hours') }}

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
        count(distinct iso_weekday) as working_days_a_week

    from hours

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

    inner join hours
        on
            value_streams.calendar = hours.calendar
            and extract(isodow from holidays.holiday_date) = hours.iso_weekday

)

select * from final

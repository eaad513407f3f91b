with

own_hours as (

    select
        calendar,
        iso_weekday,
        lpad(work_start, 5, '0') as work_start,
        lpad(work_end, 5, '0') as work_end

    from {{ ref('calendars') }}

),

-- A calendar that nobody has written has the standard hours.
final as (

    select * from own_hours

    union all

    select
        used.calendar,
        standard.iso_weekday,
        standard.work_start,
        standard.work_end

    from (select distinct calendar from {{ ref('dim_value_streams') }}) as used

    cross join {{ ref('standard_calendar') }} as standard

    where used.calendar not in (select own_hours.calendar from own_hours)

)

select * from final

with

bounds as (

    select
        -- West of Greenwich the first day of the year begins on the last one of the year before.
        cast(date_trunc('year', min(created_at) - interval '1' day) as date) as first_day,
        cast({{ as_of() }} + interval '1' year as date) as last_day

    from {{ ref('int_work_items_unioned') }}

),

increments as (

    select * from {{ ref('increments') }}

),

days as (

    select date_day

    from bounds

    {{ each_day("coalesce(first_day, last_day - interval '1' year)", 'last_day', 'date_day') }}

),

final as (

    select
        days.date_day,
        cast(date_trunc('week', days.date_day) as date) as iso_week_start,
        cast(date_trunc('month', days.date_day) as date) as month_start,
        cast(date_trunc('quarter', days.date_day) as date) as quarter_start,
        increments.increment_key

    from days

    left join increments
        on days.date_day between increments.starts_on and increments.ends_on

)

select * from final

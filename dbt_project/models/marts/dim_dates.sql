with

bounds as (

    select
        cast(date_trunc('year', min(created_at)) as date) as first_day,
        cast({{ as_of() }} + interval '1' year as date) as last_day

    from {{ ref('int_work_items_unioned') }}

),

days as (

    select date_day

    from bounds

    {{ each_day("coalesce(first_day, last_day - interval '1' year)", 'last_day', 'date_day') }}

),

final as (

    select
        date_day,
        cast(date_trunc('week', date_day) as date) as iso_week_start,
        cast(date_trunc('month', date_day) as date) as month_start,
        cast(date_trunc('quarter', date_day) as date) as quarter_start

    from days

)

select * from final

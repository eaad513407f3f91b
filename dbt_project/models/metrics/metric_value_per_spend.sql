with

measures as (

    select
        *,
        cast(date_trunc('month', measured_on) as date) as month_start

    from {{ ref('fct_value_measures') }}

    where value_stream_key <> 'unassigned'

),

numbered as (

    select
        *,
        row_number() over (
            partition by value_stream_key, measure, month_start
            order by measured_on desc
        ) as from_last

    from measures

),

-- Amounts of a month add up; of a level the last one of the month holds.
months as (

    select
        value_stream_key,
        measure,
        month_start,
        min(kind) as kind,
        min(unit) as unit,
        min(better) as better,
        cast(count(*) as bigint) as measured_days,
        case
            when min(kind) = 'amount' then sum(value)
            else max(case when from_last = 1 then value end)
        end as measured_value

    from numbered

    group by 1, 2, 3

),

followed as (

    select
        *,
        lag(measured_value) over (
            partition by value_stream_key, measure
            order by month_start
        ) as last_value,
        lag(month_start) over (
            partition by value_stream_key, measure
            order by month_start
        ) as last_month

    from months

),

-- A month that nobody measured leaves a gap, and no change over two.
compared as (

    select
        *,
        case
            when last_month = cast(month_start - interval '1' month as date) then last_value
        end as previous_value

    from followed

),

final as (

    select
        compared.value_stream_key || '|' || compared.measure || '|'
        || coalesce(financials.currency, 'none') || '|'
        || cast(compared.month_start as varchar) as metric_value_per_spend_key,
        compared.value_stream_key,
        compared.measure,
        compared.kind,
        compared.unit,
        compared.better,
        financials.currency,
        compared.measured_days,
        compared.measured_value,
        compared.previous_value,
        case compared.better
            when 'higher' then compared.measured_value - compared.previous_value
            else compared.previous_value - compared.measured_value
        end as improvement,
        financials.spend,
        case
            when compared.kind = 'amount' and compared.better = 'higher'
                then compared.measured_value / nullif(financials.spend, 0)
        end as value_per_spend,
        cast(compared.month_start + interval '1' month as date)
        <= cast({{ local_time(as_of(), 'value_streams.time_zone') }} as date)
            as is_complete_period,
        compared.month_start

    from compared

    inner join {{ ref('dim_value_streams') }} as value_streams
        on compared.value_stream_key = value_streams.value_stream_key

    left join {{ ref('fct_stream_financials') }} as financials
        on
            compared.value_stream_key = financials.value_stream_key
            and compared.month_start = financials.month_start

)

select * from final

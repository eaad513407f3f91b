with

financials as (

    select * from {{ ref('int_stream_financials_known') }}

),

value_streams as (

    select * from {{ ref('dim_value_streams') }}

),

final as (

    select
        financials.stream_financial_key,
        coalesce(value_streams.value_stream_key, 'unassigned') as value_stream_key,
        financials.value_stream_key as named_value_stream,
        financials.month_start,
        financials.currency,
        financials.budget,
        financials.spend,
        financials.revenue,
        financials.revenue - financials.spend as margin,
        financials.spend > financials.budget as is_over_budget

    from financials

    left join value_streams
        on financials.value_stream_key = value_streams.value_stream_key

)

select * from final

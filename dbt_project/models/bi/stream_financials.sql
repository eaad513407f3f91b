with

final as (

    select
        facts.stream_financial_key,
        streams.name as value_stream,
        facts.value_stream_key,
        facts.named_value_stream,
        facts.month_start,
        facts.currency,
        facts.budget,
        facts.spend,
        facts.revenue,
        facts.margin,
        facts.is_over_budget

    from {{ ref('fct_stream_financials') }} as facts

    left join {{ ref('dim_value_streams') }} as streams
        on facts.value_stream_key = streams.value_stream_key

)

select * from final

-- One row per value stream, month and currency.
select
    value_stream_key as stream,
    month_start,
    currency,
    budget,
    spend,
    revenue,
    margin,
    is_over_budget
from marts.fct_stream_financials
order by stream, month_start desc, currency

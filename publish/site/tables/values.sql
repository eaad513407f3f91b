-- One row per value stream, measure of value, currency of spend and month.
select
    value_stream_key as stream,
    measure,
    month_start,
    measured_value,
    unit,
    better,
    improvement,
    spend,
    currency,
    value_per_spend,
    is_complete_period,
    100 * measured_value / nullif(
        first_value(measured_value) over (
            partition by value_stream_key, measure, currency order by month_start
        ), 0
    ) as of_first
from metrics.metric_value_per_spend
order by stream, measure, month_start desc, currency

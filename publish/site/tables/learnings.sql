-- One row per value stream and month in which something was conceived or learned.
select
    value_stream_key as stream,
    month_start,
    conceived_experiments,
    learned_experiments,
    mean_learning_days,
    supported_experiments,
    refuted_experiments,
    supported_share,
    is_complete_period
from metrics.metric_time_to_learning
order by stream, month_start desc

-- One row per value stream: deployments to production of the last three complete months.
select
    services.value_stream_key as stream,
    cast(sum(dora.deployments) as bigint) as deployments,
    cast(sum(dora.failed_deployments) as bigint) as failed_deployments,
    cast(sum(dora.assumed_failed_deployments) as bigint) as assumed_failed_deployments,
    count(distinct dora.service_key) as services,
    bool_and(dora.is_history_known) as is_history_known,
    min(dora.period_start) as first_month,
    max(dora.period_start) as last_month
from metrics.metric_dora as dora
inner join marts.dim_services as services
    on dora.service_key = services.service_key and services.is_current
cross join moments
where
    dora.period = 'month'
    and dora.is_complete_period
    and dora.period_start >= date_trunc('month', moments.as_of) - interval 3 month
group by services.value_stream_key
order by stream

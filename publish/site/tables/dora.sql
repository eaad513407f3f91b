-- One row per service and month.
select
    services.value_stream_key as stream,
    services.name as service,
    dora.period_start as month_start,
    dora.deployments,
    dora.failed_deployments,
    dora.change_fail_share,
    dora.assumed_failed_deployments,
    dora.deployed_changes,
    dora.changes,
    dora.lead_time_p50_s,
    dora.lead_time_p85_s,
    dora.lead_time_coverage_share,
    dora.recovered_deployments,
    dora.recovery_time_p50_s,
    dora.deployment_rework_share,
    dora.commit_coverage_share,
    dora.is_complete_period
from metrics.metric_dora as dora
inner join marts.dim_services as services
    on dora.service_key = services.service_key and services.is_current
cross join (select min(window_start) as first_day, max(window_end) as end_day from ranges) as widest
where
    dora.period = 'month'
    and dora.period_start >= date_trunc('month', widest.first_day)
    and dora.period_start < widest.end_day
order by stream, dora.period_start desc, service

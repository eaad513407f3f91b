-- One row per pipeline and month.
select
    coalesce(services.value_stream_key, 'unassigned') as stream,
    health.repository,
    health.pipeline,
    health.month_start,
    health.attempts,
    health.failure_share,
    health.judged_attempts,
    health.flaky_share,
    health.run_p50_s,
    health.run_p85_s,
    health.run_n,
    health.queue_p85_s,
    health.queue_n,
    health.environment_lost_s,
    health.cost_per_change,
    health.is_complete_period
from metrics.metric_ci_health as health
left join marts.dim_services as services
    on health.service_key = services.service_key and services.is_current
cross join (select min(window_start) as first_day, max(window_end) as end_day from ranges) as widest
where
    health.month_start >= date_trunc('month', widest.first_day)
    and health.month_start < widest.end_day
order by stream, health.month_start desc, health.repository, health.pipeline

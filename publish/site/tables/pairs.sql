-- One row per value stream, kind of work and month: how much was finished, and what broke.
select
    flows.workflow || '/' || flows.level as work,
    flows.value_stream_key as stream,
    flows.month_start,
    flows.velocity,
    flows.flow_time_p85_s,
    flows.n,
    deliveries.deployments,
    deliveries.failed_deployments,
    deliveries.failed_deployments / nullif(deliveries.deployments, 0) as change_fail_share,
    escapes.escaped,
    escapes.found_before,
    escapes.escape_share,
    escapes.is_mature,
    flows.is_complete_period
from metrics.metric_flow_month_totals as flows
left join (
    select
        services.value_stream_key,
        dora.period_start,
        sum(dora.deployments) as deployments,
        sum(dora.failed_deployments) as failed_deployments
    from metrics.metric_dora as dora
    inner join marts.dim_services as services
        on dora.service_key = services.service_key and services.is_current
    where dora.period = 'month'
    group by services.value_stream_key, dora.period_start
) as deliveries
    on
        flows.value_stream_key = deliveries.value_stream_key
        and flows.month_start = deliveries.period_start
left join metrics.metric_defect_escapes as escapes
    on
        flows.value_stream_key = escapes.value_stream_key
        and flows.level = escapes.level
        and flows.month_start = escapes.month_start
cross join (select min(window_start) as first_day, max(window_end) as end_day from ranges) as widest
where
    flows.month_start >= date_trunc('month', widest.first_day)
    and flows.month_start < widest.end_day
order by work, stream, flows.month_start desc

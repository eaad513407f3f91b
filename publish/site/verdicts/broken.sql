-- One row per value stream and deployment that broke something in the last 13 weeks; the newest
-- five.
select
    items.stream,
    services.name as service,
    deployments.finished_at as deployed_at,
    left(deployments.sha, 10) as commit_deployed,
    count(*) as incidents,
    min_by(items.item_key, incidents.opened_at) as item_key,
    min_by(items.item_url, incidents.opened_at) as item_url,
    min_by(causes.method, incidents.opened_at) as method,
    max(causes.confidence) as confidence
from marts.fct_incidents as incidents
inner join items on incidents.work_item_key = items.work_item_key
inner join marts.bridge_incident_deployments as causes
    on incidents.work_item_key = causes.work_item_key and causes.is_primary and causes.is_counted
inner join marts.fct_deployments as deployments
    on causes.deployment_key = deployments.deployment_key
left join marts.dim_services as services
    on deployments.service_key = services.service_key and services.is_current
cross join moments
where not items.is_deleted and incidents.opened_at >= moments.as_of - interval 91 day
group by
    items.stream, services.name, deployments.deployment_key, deployments.finished_at,
    deployments.sha
qualify
    row_number() over (
        partition by items.stream order by deployments.finished_at desc, deployments.deployment_key
    ) <= 5
order by items.stream, deployed_at desc

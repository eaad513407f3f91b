-- One row per incident; the newest 1,000 of a value stream: what broke, and how we know why.
select
    items.stream,
    items.item_key as incident,
    items.item_url as incident_url,
    services.name as service,
    incidents.priority,
    incidents.opened_at,
    incidents.time_to_resolve_s,
    if(causes.is_false_alarm, 'no failure', coalesce(replace(causes.method, '_', ' '), 'not known'))
        as cause_known_by,
    causes.confidence,
    deployments.finished_at as deployed_at,
    changes.item_key as change_request,
    changes.item_url as change_request_url
from marts.fct_incidents as incidents
inner join items on incidents.work_item_key = items.work_item_key
left join marts.dim_services as services
    on incidents.service_key = services.service_key and services.is_current
left join marts.bridge_incident_deployments as causes
    on incidents.work_item_key = causes.work_item_key and causes.is_primary
left join marts.fct_deployments as deployments
    on causes.deployment_key = deployments.deployment_key
left join items as changes on deployments.change_request_key = changes.work_item_key
where not items.is_deleted
qualify
    row_number() over (
        partition by items.stream order by incidents.opened_at desc, items.item_key
    ) <= 1000
order by items.stream, incidents.opened_at desc, items.item_key

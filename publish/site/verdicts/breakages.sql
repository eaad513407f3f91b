-- One row per value stream: incidents of the last 13 weeks, and how their causes are known.
select
    items.stream,
    count(*) as incidents,
    count(*) filter (where incidents.resolved_at is null and flows.outcome = 'open')
        as open_incidents,
    count(incidents.time_to_resolve_s) as resolved,
    if(resolved >= 10, quantile_disc(incidents.time_to_resolve_s, 0.5), null) as resolve_p50_s,
    count(*) filter (where causes.is_counted) as with_evidence,
    count(*) filter (where not causes.is_counted and not causes.is_false_alarm) as guessed,
    count(*) filter (where causes.is_false_alarm) as false_alarms,
    count(*) filter (where causes.work_item_key is null) as not_known,
    count(*) filter (where causes.is_counted and causes.method = 'caused_by_change') as named,
    count(*) filter (where causes.is_counted and causes.method = 'rolled_back') as rolled_back,
    count(*) filter (where causes.is_counted and causes.method = 'hotfixed') as hotfixed
from marts.fct_incidents as incidents
inner join items on incidents.work_item_key = items.work_item_key
inner join marts.fct_work_item_flows as flows on incidents.work_item_key = flows.work_item_key
left join marts.bridge_incident_deployments as causes
    on incidents.work_item_key = causes.work_item_key and causes.is_primary
cross join moments
where not items.is_deleted and incidents.opened_at >= moments.as_of - interval 91 day
group by items.stream
order by items.stream

select
    links.work_item_key,
    count(case when links.is_primary then 1 end) as primaries,
    count(incidents.work_item_key) as incidents,
    count(deployments.deployment_key) as deployments

from {{ ref('bridge_incident_deployments') }} as links

left join {{ ref('fct_incidents') }} as incidents
    on links.work_item_key = incidents.work_item_key

left join {{ ref('fct_deployments') }} as deployments
    on links.deployment_key = deployments.deployment_key

group by 1

having
    count(case when links.is_primary then 1 end) <> 1
    or count(incidents.work_item_key) <> count(*)
    or count(deployments.deployment_key) <> count(*)

select
    changes.change_key,
    changes.deployed_at,
    deployments.finished_at

from {{ ref('fct_changes') }} as changes

left join {{ ref('bridge_deployment_changes') }} as links
    on changes.change_key = links.change_key

left join {{ ref('fct_deployments') }} as deployments
    on
        links.deployment_key = deployments.deployment_key
        and deployments.is_production
        and deployments.result = 'success'

where changes.deployed_at is distinct from deployments.finished_at

select deployments.deployment_key

from {{ ref('fct_deployments') }} as deployments

left join {{ ref('fct_deployments') }} as predecessors
    on deployments.previous_deployment_key = predecessors.deployment_key

where
    predecessors.finished_at > deployments.finished_at
    or (deployments.is_rollback and deployments.result <> 'success')

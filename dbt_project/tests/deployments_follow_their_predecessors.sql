-- The latest success before a deployment in its place, from what the tools tell: who came before is
-- found by the time of his end, not by the row before.
with

reported as (

    select
        deployment_key,
        source_system,
        repository,
        raw_environment,
        result,
        finished_at,
        max(case when result = 'success' then finished_at end) over (
            partition by source_system, repository, raw_environment
            order by finished_at, deployment_key
            rows between unbounded preceding and 1 preceding
        ) as succeeded_before_at

    from {{ ref('int_deployments_unioned') }}

)

select
    deployments.deployment_key,
    deployments.previous_deployment_key,
    reported.succeeded_before_at

from {{ ref('fct_deployments') }} as deployments

left join reported
    on deployments.deployment_key = reported.deployment_key

left join reported as predecessors
    on deployments.previous_deployment_key = predecessors.deployment_key

where
    reported.deployment_key is null
    or (deployments.is_rollback and reported.result <> 'success')
    or predecessors.finished_at is distinct from
    case when reported.result = 'success' then reported.succeeded_before_at end
    or (
        deployments.previous_deployment_key is not null
        and (
            predecessors.deployment_key is null
            or predecessors.deployment_key = deployments.deployment_key
            or predecessors.result <> 'success'
            or predecessors.source_system <> reported.source_system
            or predecessors.repository is distinct from reported.repository
            or predecessors.raw_environment <> reported.raw_environment
        )
    )

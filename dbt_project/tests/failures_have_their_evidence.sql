-- What says that a deployment failed, gathered again: its own result, unless it was tried again and
-- succeeded, a rollback of it, an incident that counts against it. A guess does not, nor an
-- incident that was cancelled. Without any of them it has not failed; with one of them it has.
with

rollbacks as (

    select distinct previous_deployment_key as deployment_key

    from {{ ref('fct_deployments') }}

    where is_rollback and previous_deployment_key is not null

),

blamed as (

    select distinct deployment_key

    from {{ ref('bridge_incident_deployments') }}

    where is_counted

)

select
    deployments.deployment_key,
    deployments.result,
    deployments.is_failed,
    deployments.finished_at,
    deployments.recovered_at

from {{ ref('fct_deployments') }} as deployments

left join rollbacks
    on deployments.deployment_key = rollbacks.deployment_key

left join blamed
    on deployments.deployment_key = blamed.deployment_key

where
    (
        deployments.is_failed
        and not (
            deployments.is_production
            and (
                (deployments.result = 'failure' and not deployments.is_retried)
                or rollbacks.deployment_key is not null
                or blamed.deployment_key is not null
            )
        )
    )
    or (
        not deployments.is_failed
        and deployments.is_production
        and (
            (deployments.result = 'failure' and not deployments.is_retried)
            or rollbacks.deployment_key is not null
            or blamed.deployment_key is not null
        )
    )
    or (deployments.recovered_at is not null and not deployments.is_failed)
    or deployments.recovered_at < deployments.finished_at
    or (deployments.recovered_at > {{ as_of() }})

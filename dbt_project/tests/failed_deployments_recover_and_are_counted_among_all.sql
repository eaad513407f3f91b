-- Denominators from the deployments that the sources told, numerators from those that failed: each
-- once, and in every sort of period the same.
with

told as (

    select
        placed.service_key,
        count(*) as deployments

    from {{ ref('int_deployments_placed') }} as placed

    where placed.is_production and placed.result in ('success', 'failure')

    group by 1

),

failed as (

    select
        service_key,
        count(case when is_failed then 1 end) as failed_deployments,
        count(recovered_at) as recovered_deployments

    from {{ ref('fct_deployments') }}

    where is_production and result in ('success', 'failure')

    group by 1

),

published as (

    select
        service_key,
        period,
        sum(deployments) as deployments,
        sum(failed_deployments) as failed_deployments,
        sum(recovered_deployments) as recovered_deployments

    from {{ ref('metric_dora') }}

    group by 1, 2

)

select
    coalesce(told.service_key, published.service_key) as service_key,
    coalesce(published.period, 'no period') as period,
    told.deployments as told_deployments,
    published.deployments,
    failed.failed_deployments as failed,
    published.failed_deployments,
    published.recovered_deployments

from told

left join failed
    on told.service_key = failed.service_key

full join published
    on told.service_key = published.service_key

where
    told.deployments is distinct from published.deployments
    or failed.failed_deployments is distinct from published.failed_deployments
    or failed.recovered_deployments is distinct from published.recovered_deployments

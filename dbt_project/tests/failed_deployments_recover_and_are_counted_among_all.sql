-- The change fail rate of every service over its whole history, from the deployments themselves:
-- incidents are counted by no means, only deployments are.
with

recounted as (

    select
        service_key,
        count(distinct deployment_key) as deployments,
        count(distinct case when is_failed then deployment_key end) as failed_deployments,
        count(distinct case when recovered_at is not null then deployment_key end)
            as recovered_deployments

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
        sum(recovered_deployments) as recovered_deployments,
        max(change_fail_share) as most

    from {{ ref('metric_dora') }}

    group by 1, 2

)

select recounted.service_key || '|' || coalesce(published.period, 'no period') as what

from recounted

left join published
    on recounted.service_key = published.service_key

where
    published.period is null
    or recounted.deployments <> published.deployments
    or recounted.failed_deployments <> published.failed_deployments
    or recounted.recovered_deployments <> published.recovered_deployments
    or published.most > 1

union all

select deployment_key as what

from {{ ref('fct_deployments') }}

where
    recovered_at < finished_at
    or (recovered_at is not null and not is_failed)
    or (is_failed and not is_production)

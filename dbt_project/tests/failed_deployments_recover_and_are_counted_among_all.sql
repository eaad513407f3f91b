-- The change fail rate of every service over all of its history, from the deployments themselves:
-- incidents are counted by no means, and of a release only the first deployment is. Of a period of
-- which not all is known nothing is counted.
with

recounted as (

    select
        service_key,
        count(case when not is_repeat then 1 end) as deployments,
        count(distinct case when is_failed then release_deployment_key end) as failed_deployments

    from {{ ref('fct_deployments') }}

    where release_deployment_key is not null

    group by 1

),

published as (

    {% for table in ['metric_dora', 'metric_dora_weeks'] %}
        select
            '{{ table }}' as table_name,
            service_key,
            sum(deployments) as deployments,
            sum(failed_deployments) as failed_deployments,
            max(change_fail_with_guesses_share) as most,
            max(recovered_deployments - failed_deployments) as too_many_recovered,
            count(case when not is_history_known then 1 end) as unknown_periods
        from {{ ref(table) }}
        group by 1, 2
        {% if not loop.last %}union all{% endif %}
    {% endfor %}

)

select recounted.service_key || '|' || coalesce(published.table_name, 'no row') as what

from recounted

left join published
    on recounted.service_key = published.service_key

where
    published.table_name is null
    or recounted.deployments < published.deployments
    or recounted.failed_deployments < published.failed_deployments
    or (
        published.unknown_periods = 0
        and (
            recounted.deployments <> published.deployments
            or recounted.failed_deployments <> published.failed_deployments
        )
    )
    or published.most > 1
    or published.too_many_recovered > 0

union all

select deployment_key as what

from {{ ref('fct_deployments') }}

where
    recovered_at < finished_at
    or (recovered_at is not null and not is_failed)
    or (is_failed and not is_production)

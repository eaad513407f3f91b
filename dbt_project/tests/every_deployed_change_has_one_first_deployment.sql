-- Held against what was deployed itself: a change is there at the latest with the first deployment
-- of its own commit after its merge, and has the one link that says so. What the first deployment
-- of its repository brought was there by then, nobody knows since when, whoever brings it again.
with

deployed_shas as (

    -- A commit is one, whether its own server or the inbox reports the deployment.
    select
        changes.change_key,
        min(deployments.finished_at) as finished_at

    from {{ ref('int_changes_unioned') }} as changes

    inner join {{ ref('fct_deployments') }} as deployments
        on
            changes.repository = deployments.repository
            and changes.merge_commit_sha = deployments.sha

    where
        deployments.is_production
        and deployments.result = 'success'
        and deployments.finished_at >= changes.merged_at

    group by 1

),

first_deployed as (

    select
        repository,
        min(finished_at) as finished_at

    from {{ ref('fct_deployments') }}

    where is_production and result = 'success'

    group by 1

),

linked as (

    select
        links.change_key,
        count(*) as links_of_it,
        min(deployments.finished_at) as finished_at,
        min(deployments.repository) as repository,
        count(
            case when deployments.is_production and deployments.result = 'success' then 1 end
        ) as successes

    from {{ ref('bridge_deployment_changes') }} as links

    left join {{ ref('fct_deployments') }} as deployments
        on links.deployment_key = deployments.deployment_key

    group by 1

)

select
    changes.change_key,
    changes.merged_at,
    changes.deployed_at,
    deployed_shas.finished_at as expected_at,
    linked.finished_at as linked_at,
    linked.links_of_it

from {{ ref('fct_changes') }} as changes

left join deployed_shas
    on changes.change_key = deployed_shas.change_key

left join first_deployed
    on changes.repository = first_deployed.repository

left join linked
    on changes.change_key = linked.change_key

where
    (
        deployed_shas.finished_at is not null
        and coalesce(
            changes.deployed_at,
            case when changes.is_behind_first_deployment then first_deployed.finished_at end,
            timestamp '9999-01-01'
        ) > deployed_shas.finished_at
    )
    or changes.deployed_at is distinct from linked.finished_at
    or (changes.deployed_at is not null and linked.repository <> changes.repository)
    or (changes.deployed_at is not null and changes.is_behind_first_deployment)
    or linked.links_of_it <> 1
    or linked.successes <> 1

-- Counted from the other end: the merges of a repository in order, and for each of them the first
-- deployment of its commit or of a later one. The model goes from the deployed commit backwards.
with

deployed_shas as (

    -- A commit is one, whether its own server or a drop folder told the deployment.
    select
        repository,
        sha,
        min(finished_at) as finished_at

    from {{ ref('fct_deployments') }}

    where is_production and result = 'success'

    group by 1, 2

),

merged as (

    select
        changes.change_key,
        changes.source_system,
        changes.repository,
        changes.merged_at,
        min(deployed_shas.finished_at) over (
            partition by changes.source_system, changes.repository
            order by changes.merged_at desc
        ) as expected_at

    from {{ ref('int_changes_unioned') }} as changes

    left join deployed_shas
        on
            changes.repository = deployed_shas.repository
            and changes.merge_commit_sha = deployed_shas.sha

    where changes.merged_at is not null

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
    merged.expected_at,
    linked.finished_at as linked_at,
    linked.links_of_it

from {{ ref('fct_changes') }} as changes

left join merged
    on changes.change_key = merged.change_key

left join linked
    on changes.change_key = linked.change_key

where
    -- What ran before its merge decides nothing: changes_are_deployed_after_they_are_merged.
    (
        changes.deployed_at is distinct from merged.expected_at
        and (merged.expected_at is null or merged.expected_at >= changes.merged_at)
    )
    or changes.deployed_at is distinct from linked.finished_at
    or (changes.deployed_at is not null and linked.repository <> changes.repository)
    or linked.links_of_it <> 1
    or linked.successes <> 1

-- Counted from the other end: the merges of a repository in order, and for each of them the first
-- deployment of its commit or of a later one. The model goes from the deployed commit backwards.
with

commits as (

    -- Whoever told the deployment: a commit is one, whether its own server or a drop folder names it.
    select
        repository,
        sha,
        min(finished_at) as finished_at

    from {{ ref('fct_deployments') }}

    where is_production and result = 'success'

    group by 1, 2

),

merges as (

    select
        changes.change_key,
        changes.source_system,
        changes.repository,
        changes.merged_at,
        min(commits.finished_at) over (
            partition by changes.source_system, changes.repository
            order by changes.merged_at desc
            range between unbounded preceding and current row
        ) as expected_at

    from {{ ref('int_changes_unioned') }} as changes

    left join commits
        on
            changes.repository = commits.repository
            and changes.merge_commit_sha = commits.sha

    where changes.merged_at is not null

),

linked as (

    select
        links.change_key,
        count(*) as links,
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
    merges.expected_at,
    linked.finished_at as linked_at,
    linked.links

from {{ ref('fct_changes') }} as changes

left join merges
    on changes.change_key = merges.change_key

left join linked
    on changes.change_key = linked.change_key

where
    -- A clock that ran before the merge decides nothing: changes_are_deployed_after_they_are_merged.
    (
        changes.deployed_at is distinct from merges.expected_at
        and (merges.expected_at is null or merges.expected_at >= changes.merged_at)
    )
    or changes.deployed_at is distinct from linked.finished_at
    or (changes.deployed_at is not null and linked.repository <> changes.repository)
    or linked.links <> 1
    or linked.successes <> 1

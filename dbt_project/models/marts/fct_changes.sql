with

changes as (

    select * from {{ ref('int_changes_unioned') }}

),

scopes as (

    select * from {{ ref('scopes') }}

),

deployments as (

    select * from {{ ref('int_deployments_placed') }}
    where is_production and result = 'success'

),

-- A deployed commit carries every change that was merged to the repository before it.
deployed_merges as (

    select
        changes.source_system,
        changes.repository,
        changes.merged_at,
        min(deployments.finished_at) as deployed_at

    from changes

    inner join deployments
        on
            changes.source_system = deployments.source_system
            and changes.repository = deployments.repository
            and changes.merge_commit_sha = deployments.sha

    group by 1, 2, 3

),

carried as (

    select
        changes.change_key,
        min(deployed_merges.deployed_at) as deployed_at

    from changes

    inner join deployed_merges
        on
            changes.source_system = deployed_merges.source_system
            and changes.repository = deployed_merges.repository
            and changes.merged_at <= deployed_merges.merged_at
            and changes.merged_at <= deployed_merges.deployed_at

    group by 1

),

final as (

    select
        changes.change_key,
        changes.kind,
        changes.repository,
        coalesce(scopes.service_key, 'unassigned') as service_key,
        changes.merge_commit_sha,
        changes.author_key,
        changes.additions,
        changes.deletions,
        cast(
            {{ seconds_between('changes.first_commit_at', 'changes.opened_at') }}
            as bigint
        ) as coding_s,
        cast(
            {{ seconds_between('changes.ready_at', 'changes.first_review_at') }}
            as bigint
        ) as pickup_s,
        cast(
            {{ seconds_between('changes.first_review_at', 'changes.merged_at') }}
            as bigint
        ) as review_s,
        cast({{ seconds_between('changes.merged_at', 'carried.deployed_at') }} as bigint)
            as merge_to_deploy_s,
        changes.is_revert,
        changes.is_hotfix,
        changes.first_commit_at,
        changes.opened_at,
        changes.ready_at,
        changes.first_review_at,
        changes.approved_at,
        changes.merged_at,
        changes.closed_at,
        carried.deployed_at

    from changes

    left join scopes
        on
            changes.source_system = scopes.source_system
            and changes.repository = scopes.scope
            and {{ valid_at('scopes', 'coalesce(changes.opened_at, changes.merged_at)') }}

    left join carried
        on changes.change_key = carried.change_key

)

select * from final

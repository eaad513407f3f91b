with

pull_requests as (

    select * from {{ ref('int_pull_requests_measured') }}

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
        pull_requests.source_system,
        pull_requests.repository,
        pull_requests.merged_at,
        min(deployments.finished_at) as deployed_at

    from pull_requests

    inner join deployments
        on
            pull_requests.source_system = deployments.source_system
            and pull_requests.repository = deployments.repository
            and pull_requests.merge_commit_sha = deployments.sha

    group by 1, 2, 3

),

carried as (

    select
        pull_requests.work_item_key,
        min(deployed_merges.deployed_at) as deployed_at

    from pull_requests

    inner join deployed_merges
        on
            pull_requests.source_system = deployed_merges.source_system
            and pull_requests.repository = deployed_merges.repository
            and pull_requests.merged_at <= deployed_merges.merged_at
            and pull_requests.merged_at <= deployed_merges.deployed_at

    group by 1

),

final as (

    select
        pull_requests.work_item_key as change_key,
        'pull_request' as kind,
        pull_requests.repository,
        coalesce(scopes.service_key, 'unassigned') as service_key,
        pull_requests.merge_commit_sha,
        pull_requests.author_key,
        pull_requests.additions,
        pull_requests.deletions,
        cast(
            {{ seconds_between('pull_requests.first_commit_at', 'pull_requests.opened_at') }}
            as bigint
        ) as coding_s,
        cast(
            {{ seconds_between('pull_requests.ready_at', 'pull_requests.first_review_at') }}
            as bigint
        ) as pickup_s,
        cast(
            {{ seconds_between('pull_requests.first_review_at', 'pull_requests.merged_at') }}
            as bigint
        ) as review_s,
        cast({{ seconds_between('pull_requests.merged_at', 'carried.deployed_at') }} as bigint)
            as merge_to_deploy_s,
        pull_requests.is_revert,
        pull_requests.is_hotfix,
        pull_requests.first_commit_at,
        pull_requests.opened_at,
        pull_requests.ready_at,
        pull_requests.first_review_at,
        pull_requests.approved_at,
        pull_requests.merged_at,
        pull_requests.closed_at,
        carried.deployed_at

    from pull_requests

    left join scopes
        on
            pull_requests.source_system = scopes.source_system
            and pull_requests.repository = scopes.scope
            and {{ valid_at('scopes', 'pull_requests.opened_at') }}

    left join carried
        on pull_requests.work_item_key = carried.work_item_key

)

select * from final

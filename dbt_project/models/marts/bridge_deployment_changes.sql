with

changes as (

    select * from {{ ref('fct_changes') }}

),

deployments as (

    select * from {{ ref('int_deployments_placed') }}
    where is_production and result = 'success'

),

-- Two deployments that end in one second: the one of the change's own commit brought it.
ranked as (

    select
        deployments.deployment_key,
        changes.change_key,
        case
            when changes.merge_commit_sha = deployments.sha then 'sha'
            else 'merge_order'
        end as method,
        deployments.is_first_of_repository,
        row_number() over (
            partition by changes.change_key
            order by
                case when changes.merge_commit_sha = deployments.sha then 0 else 1 end,
                deployments.deployment_key
        ) as place

    from changes

    inner join deployments
        on
            changes.source_system = deployments.code_source_system
            and changes.repository = deployments.repository
            and changes.deployed_at = deployments.finished_at
            and changes.merged_at <= deployments.commit_merged_at

),

final as (

    select
        deployment_key || '>' || change_key as deployment_change_key,
        deployment_key,
        change_key,
        method,
        is_first_of_repository

    from ranked

    where place = 1

)

select * from final

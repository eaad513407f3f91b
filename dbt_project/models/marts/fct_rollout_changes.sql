-- A change is first in production with one deployment; its lead time is of that day. Since when a
-- change of a repository's first known deployment had been there nobody knows.
with

final as (

    select
        rollouts.rollout_key || '>' || changes.change_key as rollout_change_key,
        rollouts.rollout_key,
        changes.change_key,
        rollouts.service_key,
        case
            when changes.first_commit_at <= changes.deployed_at and not links.is_first_of_repository
                then {{ seconds_between('changes.first_commit_at', 'changes.deployed_at') }}
        end as lead_time_s,
        rollouts.finished_date

    from {{ ref('bridge_deployment_changes') }} as links

    inner join {{ ref('fct_changes') }} as changes
        on links.change_key = changes.change_key

    inner join {{ ref('fct_deployments') }} as deployments
        on links.deployment_key = deployments.deployment_key

    inner join {{ ref('fct_rollouts') }} as rollouts
        on deployments.release_deployment_key = rollouts.rollout_key

)

select * from final

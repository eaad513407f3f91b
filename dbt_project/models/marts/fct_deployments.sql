with

deployments as (

    select * from {{ ref('int_deployments_placed') }}

),

links as (

    select
        links.*,
        incidents.opened_at,
        incidents.resolved_at

    from {{ ref('bridge_incident_deployments') }} as links

    inner join {{ ref('fct_incidents') }} as incidents
        on links.work_item_key = incidents.work_item_key

    where links.is_primary and not links.is_false_alarm

),

incidents as (

    select
        deployment_key,
        count(*) as incident_count,
        max(opened_at) as last_opened_at,
        case when count(resolved_at) = count(*) then max(resolved_at) end as resolved_at

    from links

    where is_counted

    group by 1

),

-- The surest that speaks against it, counted or not.
best as (

    select
        deployment_key,
        method,
        is_counted

    from (
        select
            *,
            row_number() over (
                partition by deployment_key
                order by confidence desc
            ) as row_num
        from links
    ) as placed

    where row_num = 1

),

put_right as (

    select
        deployments.previous_deployment_key as deployment_key,
        remedied.release_deployment_key,
        deployments.finished_at as remedied_at,
        deployments.is_rollback

    from deployments

    inner join deployments as remedied
        on deployments.previous_deployment_key = remedied.deployment_key

    where deployments.is_rollback or deployments.is_hotfix

),

-- What followed a deployment in its place; else in another place of its release, or by the word of
-- another tool.
remedies as (

    select
        deployments.deployment_key,
        put_right.remedied_at,
        put_right.is_rollback,
        put_right.deployment_key = deployments.deployment_key as is_same_place,
        row_number() over (
            partition by deployments.deployment_key
            order by
                case when put_right.deployment_key = deployments.deployment_key then 0 else 1 end,
                put_right.remedied_at,
                put_right.is_rollback desc
        ) as row_num

    from deployments

    inner join put_right
        on
            deployments.release_deployment_key = put_right.release_deployment_key
            and deployments.finished_at < put_right.remedied_at

),

judged as (

    select
        deployments.*,
        coalesce(incidents.incident_count, 0) as incident_count,
        incidents.resolved_at,
        case
            when not deployments.is_production then null
            when deployments.result = 'failure' and not deployments.is_retried
                then 'deployment_failed'
            when remedies.is_rollback and remedies.is_same_place then 'rolled_back'
            else best.method
        end as failure_method,
        deployments.is_production and (
            (deployments.result = 'failure' and not deployments.is_retried)
            or coalesce(remedies.is_rollback and remedies.is_same_place, false)
            or coalesce(best.is_counted, false)
        ) as is_failed,
        -- A rollback takes away what had failed. A hotfix ends what it came after: not an incident
        -- that was opened later.
        case
            when remedies.is_rollback then remedies.remedied_at
            when incidents.last_opened_at <= remedies.remedied_at then remedies.remedied_at
        end as remedied_at

    from deployments

    left join incidents
        on deployments.deployment_key = incidents.deployment_key

    left join best
        on deployments.deployment_key = best.deployment_key

    left join remedies
        on deployments.deployment_key = remedies.deployment_key and remedies.row_num = 1

),

-- It is over with the first of what ends it: whatever came later was about something else.
ended as (

    select
        *,
        least(
            case when result = 'failure' then next_success_at else remedied_at end,
            resolved_at
        ) as over_at

    from judged

    where is_failed

),

final as (

    select
        judged.deployment_key,
        judged.source_system,
        judged.repository,
        judged.service_key,
        judged.environment_key,
        judged.raw_environment,
        judged.sha,
        judged.result,
        judged.previous_deployment_key,
        judged.release_deployment_key,
        judged.change_request_key,
        judged.change_request_method,
        judged.deployer_key,
        judged.failure_method,
        cast(judged.incident_count as bigint) as incident_count,
        judged.is_production,
        coalesce(judged.deployment_key <> judged.release_deployment_key, false) as is_repeat,
        judged.is_retried,
        judged.is_commit_known,
        judged.is_first_of_repository,
        judged.is_rollback,
        judged.is_hotfix,
        judged.is_failed,
        judged.failure_method is not null and not judged.is_failed as is_assumed_failed,
        judged.started_at,
        judged.finished_at,
        case
            when ended.over_at is not null then greatest(ended.over_at, judged.finished_at)
        end as recovered_at

    from judged

    left join ended
        on judged.deployment_key = ended.deployment_key

)

select * from final

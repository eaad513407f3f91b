with

deployments as (

    select * from {{ ref('int_deployments_placed') }}

),

remedies as (

    select
        previous_deployment_key as deployment_key,
        finished_at as remedied_at,
        is_rollback

    from deployments

    where is_rollback or is_hotfix

),

incidents as (

    select
        links.deployment_key,
        count(*) as incident_count,
        case
            when count(incidents.resolved_at) = count(*) then max(incidents.resolved_at)
        end as resolved_at,
        max(links.confidence) as confidence

    from {{ ref('bridge_incident_deployments') }} as links

    inner join {{ ref('fct_incidents') }} as incidents
        on links.work_item_key = incidents.work_item_key

    where links.is_primary

    group by 1

),

-- A confidence stands for one method.
ways as (

    select
        deployment_key,
        method,
        confidence

    from {{ ref('bridge_incident_deployments') }}

    where is_primary

    group by 1, 2, 3

),

judged as (

    select
        deployments.*,
        coalesce(incidents.incident_count, 0) as incident_count,
        case
            when not deployments.is_production then null
            when deployments.result = 'failure' then 'deployment_failed'
            when remedies.is_rollback then 'rolled_back'
            else best.method
        end as failure_method,
        case
            when deployments.result = 'failure' then deployments.next_success_at
            else coalesce(remedies.remedied_at, incidents.resolved_at)
        end as recovered_at

    from deployments

    left join remedies
        on deployments.deployment_key = remedies.deployment_key

    left join incidents
        on deployments.deployment_key = incidents.deployment_key

    left join ways as best
        on
            deployments.deployment_key = best.deployment_key
            and incidents.confidence = best.confidence

),

final as (

    select
        deployment_key,
        source_system,
        repository,
        service_key,
        environment_key,
        raw_environment,
        sha,
        result,
        previous_deployment_key,
        change_request_key,
        failure_method,
        cast(incident_count as bigint) as incident_count,
        is_production,
        is_rollback,
        is_hotfix,
        failure_method is not null as is_failed,
        started_at,
        finished_at,
        case
            when failure_method is not null and recovered_at >= finished_at then recovered_at
        end as recovered_at

    from judged

)

select * from final

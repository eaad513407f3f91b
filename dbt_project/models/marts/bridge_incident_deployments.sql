with

incidents as (

    select * from {{ ref('fct_incidents') }}

),

deployments as (

    select * from {{ ref('int_deployments_placed') }}
    where is_production and result = 'success'

),

-- What the incident itself says: the change that caused it, and the deployment of that change.
named as (

    select
        links.from_key as work_item_key,
        deployments.deployment_key,
        deployments.finished_at,
        1 as ladder,
        'caused_by_change' as method,
        cast(1 as double) as confidence

    from {{ ref('bridge_work_item_links') }} as links

    inner join incidents
        on links.from_key = incidents.work_item_key

    inner join deployments
        on links.to_key = deployments.change_request_key

    where
        links.link_type = 'caused_by'
        and {{ valid_at('links', as_of()) }}

),

-- The last deployment of the service before the incident, and what was done about it.
latest as (

    select
        incidents.work_item_key,
        incidents.opened_at,
        deployments.deployment_key,
        deployments.finished_at,
        row_number() over (
            partition by incidents.work_item_key
            order by deployments.finished_at desc, deployments.deployment_key
        ) as place

    from incidents

    inner join deployments
        on
            incidents.service_key = deployments.service_key
            and incidents.opened_at >= deployments.finished_at

    where incidents.service_key <> 'unassigned'

),

remedies as (

    select
        previous_deployment_key,
        is_rollback

    from deployments

    where is_rollback or is_hotfix

),

guessed as (

    select
        latest.work_item_key,
        latest.deployment_key,
        latest.finished_at,
        case
            when remedies.is_rollback then 2
            when remedies.previous_deployment_key is not null then 3
            else 4
        end as ladder,
        case
            when remedies.is_rollback then 'rolled_back'
            when remedies.previous_deployment_key is not null then 'hotfixed'
            else 'same_service'
        end as method,
        cast(
            case
                when remedies.is_rollback then 0.8
                when remedies.previous_deployment_key is not null then 0.7
                else 0.5
            end as double
        ) as confidence

    from latest

    left join remedies
        on latest.deployment_key = remedies.previous_deployment_key

    where
        latest.place = 1
        and {{ seconds_between('latest.finished_at', 'latest.opened_at') }}
        < {{ var('incident_hours') }} * 3600

),

unioned as (

    select * from named
    union all
    select * from guessed

),

ranked as (

    select
        *,
        row_number() over (
            partition by work_item_key, deployment_key
            order by ladder
        ) as way,
        row_number() over (
            partition by work_item_key
            order by ladder, finished_at desc, deployment_key
        ) as place

    from unioned

),

final as (

    select
        ranked.work_item_key || '>' || ranked.deployment_key as incident_deployment_key,
        ranked.work_item_key,
        incidents.work_item_version_key,
        ranked.deployment_key,
        ranked.method,
        ranked.confidence,
        ranked.place = 1 as is_primary

    from ranked

    inner join incidents
        on ranked.work_item_key = incidents.work_item_key

    where ranked.way = 1

)

select * from final

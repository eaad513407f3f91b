with

incidents as (

    select
        incidents.*,
        flows.outcome in ('cancelled', 'deleted') as is_false_alarm

    from {{ ref('fct_incidents') }} as incidents

    inner join {{ ref('fct_work_item_flows') }} as flows
        on incidents.work_item_key = flows.work_item_key

),

deployments as (

    select
        deployment_key,
        release_deployment_key,
        previous_deployment_key,
        change_request_key,
        service_key,
        raw_environment,
        finished_at,
        result,
        is_rollback,
        is_hotfix

    from {{ ref('int_deployments_placed') }}

    where release_deployment_key is not null

),

-- Who says where it happened means a place: one where nothing of the service is in production is
-- no place of its deployments.
environments as (

    select distinct
        service_key,
        raw_environment

    from deployments

),

elsewhere as (

    select incidents.work_item_key

    from incidents

    inner join {{ ref('int_incidents_described') }} as described
        on incidents.work_item_key = described.work_item_key

    left join environments
        on
            incidents.service_key = environments.service_key
            and described.raw_environment = environments.raw_environment

    where described.raw_environment is not null and environments.service_key is null

),

-- What the incident itself says: the change that caused it, and the deployment of that change.
named as (

    select
        links.from_key as work_item_key,
        deployments.deployment_key,
        deployments.finished_at,
        'caused_by_change' as method

    from {{ ref('bridge_work_item_links') }} as links

    inner join deployments
        on links.to_key = deployments.change_request_key

    where
        links.link_type = 'caused_by'
        and {{ valid_at('links', as_of()) }}

),

-- An incident is guessed to come from a deployment in the hours before it. Time is cut into pieces
-- that long: what is in no incident's piece, and not in the one before, need not be put in order.
placed_incidents as (

    select
        work_item_key,
        service_key,
        opened_at,
        cast(floor(
            {{ seconds_between("timestamp '1970-01-01 00:00:00'", 'opened_at') }}
            / ({{ var('incident_hours') }} * 3600)
        ) as bigint) as piece

    from incidents

    where
        not exists (
            select 1 from elsewhere
            where elsewhere.work_item_key = incidents.work_item_key
        )

),

pieces as (

    select
        service_key,
        piece
    from placed_incidents
    union
    select
        service_key,
        piece - 1 as piece
    from placed_incidents

),

numbered as (

    select
        deployments.deployment_key,
        deployments.release_deployment_key,
        deployments.service_key,
        deployments.finished_at,
        row_number() over (
            order by deployments.finished_at, deployments.deployment_key desc
        ) as deployment_no

    from deployments

    inner join pieces
        on
            deployments.service_key = pieces.service_key
            and cast(floor(
                {{ seconds_between("timestamp '1970-01-01 00:00:00'", 'deployments.finished_at') }}
                / ({{ var('incident_hours') }} * 3600)
            ) as bigint) = pieces.piece

    where deployments.result = 'success'

),

-- The last deployment of the service before the incident: both read in order of time, once.
moments as (

    select
        service_key,
        finished_at as happened_at,
        0 as is_incident,
        deployment_no,
        cast(null as varchar) as work_item_key

    from numbered

    union all

    select
        service_key,
        opened_at as happened_at,
        1 as is_incident,
        cast(null as bigint) as deployment_no,
        work_item_key

    from placed_incidents

),

last_before as (

    select
        work_item_key,
        happened_at,
        max(deployment_no) over (
            partition by service_key
            order by happened_at, is_incident
            rows between unbounded preceding and current row
        ) as deployment_no

    from moments

),

latest as (

    select
        last_before.work_item_key,
        last_before.happened_at as opened_at,
        numbered.deployment_key,
        numbered.release_deployment_key,
        numbered.finished_at

    from last_before

    inner join numbered
        on last_before.deployment_no = numbered.deployment_no

),

-- What was done about a release, in whichever of its places.
remedies as (

    select
        before.release_deployment_key,
        max(case when after.is_rollback then 1 else 0 end) = 1 as is_rolled_back

    from deployments as after

    inner join deployments as before
        on after.previous_deployment_key = before.deployment_key

    where after.is_rollback or after.is_hotfix

    group by 1

),

guessed as (

    select
        latest.work_item_key,
        latest.deployment_key,
        latest.finished_at,
        case
            when remedies.is_rolled_back then 'rolled_back'
            when remedies.release_deployment_key is not null then 'hotfixed'
            else 'same_service'
        end as method

    from latest

    left join remedies
        on latest.release_deployment_key = remedies.release_deployment_key

    where
        {{ seconds_between('latest.finished_at', 'latest.opened_at') }}
        < {{ var('incident_hours') }} * 3600

),

unioned as (

    select * from named
    union all
    select * from guessed

),

rated as (

    select
        *,
        cast(
            case method
                when 'caused_by_change' then 1
                when 'rolled_back' then 0.8
                when 'hotfixed' then 0.7
                else 0.4
            end as double
        ) as confidence

    from unioned

),

ranked as (

    select
        *,
        row_number() over (
            partition by work_item_key, deployment_key
            order by confidence desc
        ) as way,
        row_number() over (
            partition by work_item_key
            order by confidence desc, finished_at desc, deployment_key
        ) as row_num

    from rated

),

final as (

    select
        ranked.work_item_key || '>' || ranked.deployment_key as incident_deployment_key,
        ranked.work_item_key,
        incidents.work_item_version_key,
        ranked.deployment_key,
        ranked.method,
        ranked.confidence,
        ranked.row_num = 1 as is_primary,
        incidents.is_false_alarm,
        ranked.row_num = 1
        and not incidents.is_false_alarm
        and ranked.confidence >= {{ var('least_confidence') }} as is_counted

    from ranked

    inner join incidents
        on ranked.work_item_key = incidents.work_item_key

    where ranked.way = 1

)

select * from final

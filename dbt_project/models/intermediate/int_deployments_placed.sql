with

deployments as (

    select * from {{ ref('int_deployments_unioned') }}

),

environments as (

    select * from {{ ref('environments') }}

),

scopes as (

    select * from {{ ref('scopes') }}

),

changes as (

    select * from {{ ref('int_changes_unioned') }}

),

-- The inbox only tells of a repository: its commits, and who owns it, are where the code is.
homes as (

    select
        repository,
        min(source_system) as source_system

    from (
        select
            repository,
            source_system
        from changes
        union all
        select
            repository,
            source_system
        from deployments
        where source_system <> 'inbox'
    ) as repositories

    group by 1

),

located as (

    select
        deployments.*,
        case
            when deployments.source_system = 'inbox'
                then coalesce(homes.source_system, deployments.source_system)
            else deployments.source_system
        end as code_source_system

    from deployments

    left join homes
        on deployments.repository = homes.repository

),

matched as (

    select
        deployments.deployment_key,
        environments.environment_key,
        environments.is_production,
        row_number() over (
            partition by deployments.deployment_key
            order by length(environments.pattern) desc, environments.pattern
        ) as place

    from deployments

    inner join environments
        on
            deployments.source_system = environments.source_system
            and lower(deployments.raw_environment) like environments.pattern

),

-- A change names its deployment by the id that the tool gave it; an id of two tools names none.
named as (

    select
        change_requests.work_item_key as change_request_key,
        max(deployments.deployment_key) as deployment_key,
        min(change_requests.requested_at) as requested_at

    from {{ ref('int_change_requests_described') }} as change_requests

    inner join deployments
        on change_requests.correlation_id = deployments.deployment_id

    group by 1

    having count(*) = 1

),

change_requests as (

    select
        deployment_key,
        change_request_key

    from (
        select
            *,
            row_number() over (
                partition by deployment_key
                order by requested_at, change_request_key
            ) as place
        from named
    ) as placed

    where place = 1

),

-- What is known of a commit that merging made.
commits as (

    select
        source_system,
        repository,
        merge_commit_sha,
        max(case when is_hotfix then 1 else 0 end) = 1 as is_hotfix,
        max(merged_at) as merged_at

    from changes

    where merge_commit_sha is not null

    group by 1, 2, 3

),

described as (

    select
        located.*,
        coalesce(
            scopes.service_key,
            home_scopes.service_key,
            'unassigned:' || located.code_source_system || ':'
            || coalesce(located.repository, 'unknown')
        ) as service_key,
        coalesce(matched.environment_key, 'unmapped') as environment_key,
        coalesce(matched.is_production, false) as is_production

    from located

    left join scopes
        on
            located.source_system = scopes.source_system
            and located.scope = scopes.scope
            and {{ valid_at('scopes', 'located.started_at') }}

    left join scopes as home_scopes
        on
            located.code_source_system = home_scopes.source_system
            and located.scope = home_scopes.scope
            and {{ valid_at('home_scopes', 'located.started_at') }}

    left join matched
        on located.deployment_key = matched.deployment_key and matched.place = 1

),

-- A place is a repository's environment as its tool names it: what runs there is replaced there.
successes as (

    select
        deployment_key,
        lag(deployment_key) over (
            partition by source_system, repository, raw_environment
            order by finished_at, deployment_key
        ) as previous_deployment_key

    from described

    where result = 'success'

),

arrivals as (

    select
        deployment_key,
        case when sha = previous_sha then 0 else 1 end as arrived

    from (
        select
            deployment_key,
            sha,
            lag(sha) over (
                partition by source_system, repository, raw_environment
                order by finished_at, deployment_key
            ) as previous_sha
        from described
        where result = 'success' and sha is not null
    ) as known

),

-- How often a commit had come to its place, another one between: the second time is a rollback.
counted as (

    select
        described.*,
        successes.previous_deployment_key,
        coalesce(arrivals.arrived, 0) as arrived,
        sum(coalesce(arrivals.arrived, 0)) over (
            partition by
                described.source_system,
                described.repository,
                described.raw_environment,
                described.sha
            order by described.finished_at, described.deployment_key
            rows between unbounded preceding and current row
        ) as arrival_no

    from described

    left join successes
        on described.deployment_key = successes.deployment_key

    left join arrivals
        on described.deployment_key = arrivals.deployment_key

),

-- One commit of one service that comes to production is one release, wherever and however often it
-- is deployed and whoever tells of it; its failed attempts are one of their own.
releases as (

    select
        deployment_key,
        first_value(deployment_key) over (
            partition by service_key, coalesce(sha, deployment_key), result, arrival_no
            order by finished_at, deployment_key
        ) as release_deployment_key

    from counted

    where is_production and result in ('success', 'failure') and finished_at is not null

),

first_deployments as (

    select
        code_source_system,
        repository,
        min(finished_at) as finished_at

    from counted

    where is_production and result = 'success'

    group by 1, 2

),

rated as (

    select
        counted.deployment_key,
        counted.source_system,
        counted.code_source_system,
        counted.repository,
        counted.service_key,
        counted.environment_key,
        counted.raw_environment,
        counted.sha,
        counted.result,
        counted.previous_deployment_key,
        releases.release_deployment_key,
        change_requests.change_request_key,
        counted.is_production,
        counted.result = 'success' and (
            counted.is_told_rollback or (counted.arrived = 1 and counted.arrival_no > 1)
        ) as is_rollback,
        coalesce(commits.is_hotfix, false) as is_hotfix_commit,
        commits.merged_at is not null as is_commit_known,
        counted.is_production
        and counted.result = 'success'
        and counted.finished_at = first_deployments.finished_at as is_first_of_repository,
        commits.merged_at as commit_merged_at,
        counted.started_at,
        counted.finished_at

    from counted

    left join releases
        on counted.deployment_key = releases.deployment_key

    left join change_requests
        on counted.deployment_key = change_requests.deployment_key

    left join commits
        on
            counted.code_source_system = commits.source_system
            and counted.repository = commits.repository
            and counted.sha = commits.merge_commit_sha

    left join first_deployments
        on
            counted.code_source_system = first_deployments.code_source_system
            and counted.repository = first_deployments.repository

),

final as (

    select
        deployment_key,
        source_system,
        code_source_system,
        repository,
        service_key,
        environment_key,
        raw_environment,
        sha,
        result,
        previous_deployment_key,
        release_deployment_key,
        change_request_key,
        is_production,
        is_rollback,
        is_hotfix_commit and not is_rollback as is_hotfix,
        is_commit_known,
        coalesce(is_first_of_repository, false) as is_first_of_repository,
        commit_merged_at,
        started_at,
        finished_at,
        -- The success that followed in the same place, of a failed deployment too.
        min(case when result = 'success' then finished_at end) over (
            partition by source_system, repository, raw_environment
            order by finished_at, deployment_key
            rows between 1 following and unbounded following
        ) as next_success_at

    from rated

)

select * from final

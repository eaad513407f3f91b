with

deployments as (

    select * from {{ ref('int_deployments_unioned') }}

),

environments as (

    select * from {{ ref('environments') }}

),

environment_names as (

    select * from {{ ref('environment_names') }}

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
        end as code_source_system,
        -- A repository's environment as its tool names it: what runs there is replaced there.
        deployments.source_system
        || '|'
        || coalesce(deployments.repository, '')
        || '|'
        || deployments.raw_environment as place_key

    from deployments

    left join homes
        on deployments.repository = homes.repository

),

-- What the company says of a name.
matched as (

    select
        deployments.deployment_key,
        environments.environment_key,
        environments.is_production,
        row_number() over (
            partition by deployments.deployment_key
            order by length(environments.pattern) desc, environments.pattern
        ) as row_num

    from deployments

    inner join environments
        on
            deployments.source_system = environments.source_system
            and lower(deployments.raw_environment) like environments.pattern

),

-- What a name means by its words, where nobody says anything: `eu-prod` is production, `product`
-- and `prod-test` are not.
worded as (

    select
        names.raw_environment,
        environment_names.environment_key,
        environment_names.is_production,
        row_number() over (
            partition by names.raw_environment
            order by environment_names.is_production, environment_names.word
        ) as row_num

    from (
        select
            raw_environment,
            ' ' || translate(lower(raw_environment), '-_/.:0123456789', '               ') || ' '
                as words
        from deployments
        group by 1, 2
    ) as names

    inner join environment_names
        on names.words like '% ' || environment_names.word || ' %'

),

-- What the tool says of it: its tier, or its flags. One tier may have several words.
tiered as (

    select
        tier,
        is_production,
        min(environment_key) as environment_key

    from environment_names

    group by 1, 2

),

-- The company's word comes first, then the tool's, then what the name looks like.
described as (

    select
        located.*,
        coalesce(
            scopes.service_key,
            home_scopes.service_key,
            'unassigned:' || located.code_source_system || ':'
            || coalesce(located.repository, 'unknown')
        ) as service_key,
        coalesce(
            matched.environment_key, tiered.environment_key, worded.environment_key, 'unmapped'
        ) as environment_key,
        coalesce(
            matched.is_production, tiered.is_production, worded.is_production, false
        ) as is_production

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
        on located.deployment_key = matched.deployment_key and matched.row_num = 1

    left join tiered
        on located.tier = tiered.tier

    left join worded
        on located.raw_environment = worded.raw_environment and worded.row_num = 1

),

-- Who has a way of his own to say what he deploys is not asked for jobs that look like it.
telling as (

    select
        source_system,
        repository

    from described

    where is_production and not is_by_pattern

    group by 1, 2

),

final as (

    select described.*

    from described

    left join telling
        on
            described.source_system = telling.source_system
            and described.repository = telling.repository

    where not described.is_by_pattern or telling.repository is null

)

select * from final

with

scopes as (

    select * from {{ ref('scopes') }}

),

used as (

    select
        service_key,
        source_system,
        repository

    from {{ ref('int_changes_unioned') }}

    where service_key like 'unassigned:%'

    union

    select
        service_key,
        code_source_system as source_system,
        repository

    from {{ ref('int_deployments_placed') }}

    where service_key like 'unassigned:%'

),

final as (

    select
        used.service_key,
        coalesce(used.repository, 'unknown') as name,
        scopes.value_stream_key,
        scopes.team_key,
        scopes.valid_from,
        scopes.valid_to

    from used

    left join scopes
        on
            used.source_system = scopes.source_system
            and used.repository = scopes.scope
            and scopes.service_key is null

)

select * from final

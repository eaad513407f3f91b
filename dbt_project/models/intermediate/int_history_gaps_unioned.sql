with

deployments as (

    select * from {{ ref('int_deployments_located') }}

),

told as (

    select
        *,
        'github' as source_system
    from {{ ref('stg_github__history_gaps') }}
    union all
    select
        *,
        'gitlab' as source_system
    from {{ ref('stg_gitlab__history_gaps') }}
    union all
    select
        *,
        'jenkins' as source_system
    from {{ ref('stg_jenkins__history_gaps') }}

),

-- Whose deployments to production only the runs of a scope tell.
deploying as (

    select
        source_system,
        scope,
        service_key

    from (
        select
            source_system,
            scope,
            service_key,
            row_number() over (
                partition by source_system, scope
                order by started_at, deployment_key
            ) as place
        from deployments
        where is_by_run and is_production
    ) as placed

    where place = 1

),

final as (

    select
        told.history_gap_key,
        told.source_system,
        told.object,
        told.scope,
        deploying.service_key,
        told.reason,
        told.gap_from,
        told.gap_to

    from told

    left join deploying
        on told.source_system = deploying.source_system and told.scope = deploying.scope

    -- Without an end all of a scope is known.
    where told.gap_to is not null

)

select * from final

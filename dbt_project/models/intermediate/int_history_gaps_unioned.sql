with

deployments as (

    select * from {{ ref('int_deployments_located') }}

),

gaps as (

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

-- One row per scope whose runs are the only record of deployments to production (is_by_run), with
-- the service of the first of them: while these runs are missing, its deployments cannot be
-- counted.
deploying_scopes as (

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
            ) as deployment_no
        from deployments
        where is_by_run and is_production
    ) as numbered

    where deployment_no = 1

),

final as (

    select
        gaps.history_gap_key,
        gaps.source_system,
        gaps.object,
        gaps.scope,
        deploying_scopes.service_key,
        gaps.reason,
        gaps.gap_from,
        gaps.gap_to

    from gaps

    left join deploying_scopes
        on
            gaps.source_system = deploying_scopes.source_system
            and gaps.scope = deploying_scopes.scope

    -- A row without an end says that the source has all of the history of the scope: no gap.
    where gaps.gap_to is not null

)

select * from final

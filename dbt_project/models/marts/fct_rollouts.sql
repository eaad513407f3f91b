with

zones as (

    select
        services.service_key,
        value_streams.time_zone

    from {{ ref('dim_services') }} as services

    inner join {{ ref('dim_value_streams') }} as value_streams
        on services.value_stream_key = value_streams.value_stream_key

),

deployments as (

    select
        deployments.*,
        zones.time_zone

    from {{ ref('fct_deployments') }} as deployments

    inner join zones
        on deployments.service_key = zones.service_key

    where deployments.release_deployment_key is not null

),

-- A release is counted once, when it was there first, and failed if it did anywhere; it recovered
-- when it had everywhere.
released as (

    select
        release_deployment_key,
        service_key,
        time_zone,
        max(case when is_commit_known then 1 else 0 end) as is_commit_known,
        max(case when is_failed then 1 else 0 end) as is_failed,
        max(case when is_assumed_failed then 1 else 0 end) as is_assumed_failed,
        max(case when is_rollback or is_hotfix then 1 else 0 end) as is_rework,
        case
            when count(recovered_at) = count(case when is_failed then 1 end)
                then {{ seconds_between(
                    'min(case when is_failed then finished_at end)', 'max(recovered_at)'
                ) }}
        end as recovery_s,
        coalesce(min(case when result = 'success' then finished_at end), min(finished_at))
            as finished_at

    from deployments

    group by release_deployment_key, service_key, time_zone

),

final as (

    select
        release_deployment_key as rollout_key,
        release_deployment_key,
        service_key,
        cast(recovery_s as bigint) as recovery_s,
        is_commit_known = 1 as is_commit_known,
        is_failed = 1 as is_failed,
        is_failed = 0 and is_assumed_failed = 1 as is_assumed_failed,
        is_rework = 1 as is_rework,
        finished_at,
        cast({{ local_time('finished_at', 'time_zone') }} as date) as finished_date

    from released

)

select * from final

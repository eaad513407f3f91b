with

zones as (

    select
        services.service_key,
        value_streams.time_zone

    from {{ ref('dim_services') }} as services

    inner join {{ ref('dim_value_streams') }} as value_streams
        on services.value_stream_key = value_streams.value_stream_key

),

jobs as (

    select
        jobs.*,
        runs.repository,
        runs.pipeline,
        runs.service_key,
        runs.source_system || '|' || coalesce(runs.repository, '') || '|' || runs.pipeline
        || '|' || jobs.job as job_key,
        jobs.run_s as machine_s,
        case when jobs.cost is not null then jobs.run_s end as priced_machine_s,
        zones.time_zone

    from {{ ref('fct_ci_jobs') }} as jobs

    inner join {{ ref('fct_ci_runs') }} as runs
        on jobs.ci_run_key = runs.ci_run_key

    inner join zones
        on runs.service_key = zones.service_key

    where jobs.finished_at is not null and jobs.result <> 'skipped' and not jobs.is_inherited

),

last_jobs as (

    select
        *,
        first_value(service_key) over (
            partition by job_key
            order by finished_at desc, ci_job_key
        ) as last_service_key,
        first_value(time_zone) over (
            partition by job_key
            order by finished_at desc, ci_job_key
        ) as last_time_zone

    from jobs

),

ended as (

    select
        *,
        {{ month_of('finished_at', 'last_time_zone') }} as month_start

    from last_jobs

),

counted as (

    select
        job_key,
        source_system,
        repository,
        pipeline,
        job,
        last_service_key,
        last_time_zone,
        month_start,
        {{ ci_health_measures() }}

    from ended

    group by 1, 2, 3, 4, 5, 6, 7, 8

),

final as (

    select
        job_key || '|' || cast(month_start as varchar) as metric_ci_health_jobs_key,
        source_system,
        repository,
        pipeline,
        job,
        last_service_key as service_key,
        attempts,
        judged_attempts,
        failed_attempts,
        cast(failed_attempts as double) / nullif(judged_attempts, 0) as failure_share,
        flaky_attempts,
        cast(flaky_attempts as double) / nullif(judged_attempts, 0) as flaky_share,
        retries,
        environment_failures,
        coalesce(environment_lost_s, 0) as environment_lost_s,
        queue_n,
        queue_p50_s,
        queue_p85_s,
        run_n,
        run_p50_s,
        run_p85_s,
        coalesce(machine_s, 0) as machine_s,
        coalesce(priced_machine_s, 0) as priced_machine_s,
        cost,
        cast(month_start + interval '1' month as date)
        <= cast({{ local_time(as_of(), 'last_time_zone') }} as date) as is_complete_period,
        month_start

    from counted

)

select * from final

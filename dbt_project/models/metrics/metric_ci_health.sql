with

zones as (

    select
        services.service_key,
        value_streams.time_zone

    from {{ ref('dim_services') }} as services

    inner join {{ ref('dim_value_streams') }} as value_streams
        on services.value_stream_key = value_streams.value_stream_key

),

runs as (

    select
        runs.*,
        runs.source_system || '|' || coalesce(runs.repository, '') || '|' || runs.pipeline
            as pipeline_key,
        runs.attempt > 1 as is_retry,
        zones.time_zone

    from {{ ref('fct_ci_runs') }} as runs

    inner join zones
        on runs.service_key = zones.service_key

    where runs.finished_at is not null and runs.result <> 'skipped'

),

-- A pipeline that changes hands goes on under its last owner.
pipelines as (

    select
        pipeline_key,
        source_system,
        repository,
        pipeline,
        service_key,
        time_zone,
        case when source_system = 'jenkins' then pipeline else repository end as scope

    from (
        select
            *,
            row_number() over (
                partition by pipeline_key
                order by finished_at desc, ci_run_key
            ) as row_num
        from runs
    ) as placed

    where row_num = 1

),

ended as (

    select
        runs.pipeline_key,
        runs.result,
        runs.is_flaky,
        runs.is_retry,
        runs.queue_s,
        runs.run_s,
        runs.machine_s,
        runs.priced_machine_s,
        runs.cost,
        {{ month_of('runs.finished_at', 'pipelines.time_zone') }} as month_start

    from runs

    inner join pipelines
        on runs.pipeline_key = pipelines.pipeline_key

),

counted as (

    select
        pipeline_key,
        month_start,
        {{ ci_health_measures() }}

    from ended

    group by 1, 2

),

-- The changes whose lead time metric_dora knows.
changes as (

    select
        changes.change_key,
        changes.first_commit_at,
        changes.deployed_at,
        {{ seconds_between('changes.first_commit_at', 'changes.deployed_at') }} as lead_time_s

    from {{ ref('bridge_deployment_changes') }} as links

    inner join {{ ref('fct_changes') }} as changes
        on links.change_key = changes.change_key

    where changes.first_commit_at <= changes.deployed_at and not links.is_first_of_repository

),

builds as (

    select
        runs.pipeline_key || '|' || changes.change_key as build_key,
        runs.pipeline_key,
        changes.change_key,
        changes.lead_time_s,
        changes.deployed_at,
        runs.cost,
        coalesce(runs.queued_at, runs.started_at) as began_at,
        greatest(coalesce(runs.queued_at, runs.started_at), changes.first_commit_at) as starts_at,
        least(runs.finished_at, changes.deployed_at) as ends_at

    from {{ ref('bridge_change_runs') }} as links

    inner join changes
        on links.change_key = changes.change_key

    inner join runs
        on links.ci_run_key = runs.ci_run_key

),

-- Runs of one pipeline at the same time are one wait.
spans as (

    select * from builds
    where began_at is not null and starts_at < ends_at

),

waits as (

    select
        build_key,
        sum({{ seconds_between('starts_at', 'ends_at') }}) as wait_s

    from ({{ union_of_intervals('spans', 'build_key') }}) as stretches

    group by 1

),

built as (

    select
        build_key,
        pipeline_key,
        lead_time_s,
        deployed_at,
        {{ exact_sum('cost') }} as cost

    from builds

    group by 1, 2, 3, 4

),

delivered as (

    select
        built.pipeline_key,
        {{ month_of('built.deployed_at', 'pipelines.time_zone') }} as month_start,
        count(*) as built_changes,
        cast(sum(built.lead_time_s) as bigint) as lead_time_s,
        cast(sum(coalesce(waits.wait_s, 0)) as bigint) as lead_time_in_ci_s,
        count(built.cost) as priced_changes,
        {{ exact_sum('built.cost') }} as priced_changes_cost

    from built

    inner join pipelines
        on built.pipeline_key = pipelines.pipeline_key

    left join waits
        on built.build_key = waits.build_key

    group by 1, 2

),

months as (

    select
        pipeline_key,
        month_start
    from counted

    union

    select
        pipeline_key,
        month_start
    from delivered

),

-- What the tool deleted before anybody read it is not counted.
unknown as (

    select
        months.pipeline_key,
        months.month_start

    from months

    inner join pipelines
        on months.pipeline_key = pipelines.pipeline_key

    inner join {{ ref('history_gaps') }} as gaps
        on
            pipelines.source_system = gaps.source_system
            and pipelines.scope = gaps.scope
            and {{ local_time('gaps.gap_to', 'pipelines.time_zone') }}
            > cast(months.month_start as timestamp)
            and coalesce(
                {{ local_time('gaps.gap_from', 'pipelines.time_zone') }}
                < cast(months.month_start + interval '1' month as timestamp),
                true
            )

    group by 1, 2

),

final as (

    select
        months.pipeline_key || '|' || cast(months.month_start as varchar) as metric_ci_health_key,
        pipelines.source_system,
        pipelines.repository,
        pipelines.pipeline,
        pipelines.service_key,
        coalesce(counted.attempts, 0) as attempts,
        coalesce(counted.judged_attempts, 0) as judged_attempts,
        coalesce(counted.failed_attempts, 0) as failed_attempts,
        cast(counted.failed_attempts as double) / nullif(counted.judged_attempts, 0)
            as failure_share,
        coalesce(counted.flaky_attempts, 0) as flaky_attempts,
        cast(counted.flaky_attempts as double) / nullif(counted.judged_attempts, 0)
            as flaky_share,
        coalesce(counted.retries, 0) as retries,
        coalesce(counted.environment_failures, 0) as environment_failures,
        coalesce(counted.environment_lost_s, 0) as environment_lost_s,
        coalesce(counted.queue_n, 0) as queue_n,
        counted.queue_p50_s,
        counted.queue_p85_s,
        coalesce(counted.run_n, 0) as run_n,
        counted.run_p50_s,
        counted.run_p85_s,
        coalesce(counted.machine_s, 0) as machine_s,
        coalesce(counted.priced_machine_s, 0) as priced_machine_s,
        counted.cost,
        coalesce(delivered.built_changes, 0) as built_changes,
        coalesce(delivered.lead_time_s, 0) as lead_time_s,
        coalesce(delivered.lead_time_in_ci_s, 0) as lead_time_in_ci_s,
        cast(delivered.lead_time_in_ci_s as double) / nullif(delivered.lead_time_s, 0)
            as lead_time_in_ci_share,
        coalesce(delivered.priced_changes, 0) as priced_changes,
        delivered.priced_changes_cost / delivered.priced_changes as cost_per_change,
        unknown.pipeline_key is null as is_history_known,
        cast(months.month_start + interval '1' month as date)
        <= cast({{ local_time(as_of(), 'pipelines.time_zone') }} as date) as is_complete_period,
        months.month_start

    from months

    inner join pipelines
        on months.pipeline_key = pipelines.pipeline_key

    left join counted
        on
            months.pipeline_key = counted.pipeline_key
            and months.month_start = counted.month_start

    left join delivered
        on
            months.pipeline_key = delivered.pipeline_key
            and months.month_start = delivered.month_start

    left join unknown
        on
            months.pipeline_key = unknown.pipeline_key
            and months.month_start = unknown.month_start

)

select * from final

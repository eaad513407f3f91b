{#- The DORA metrics by periods of one length, `week` or `month`: one table each, for sums of both
    would count everything twice. -#}
{% macro metric_dora(period) -%}
{%- set length = {'week': "interval '7' day", 'month': "interval '1' month"}[period] -%}
with

zones as (

    select
        services.service_key,
        value_streams.time_zone

    from {{ ref('dim_services') }} as services

    left join {{ ref('dim_value_streams') }} as value_streams
        on services.value_stream_key = value_streams.value_stream_key

),

releases as (

    select * from {{ ref('fct_rollouts') }}

),

merged_changes as (

    select
        changes.change_key,
        changes.service_key,
        changes.merged_at,
        coalesce(zones.time_zone, 'UTC') as time_zone

    from {{ ref('fct_changes') }} as changes

    left join zones
        on changes.service_key = zones.service_key

    where changes.merged_at is not null

),

-- From the first merged change or release of a service on, a period without any is a row too: a
-- service that was never deployed has changes that nobody traces.
spans as (

    select
        service_key,
        min(event_day) as first_day,
        cast({{ local_time(as_of(), 'time_zone') }} as date) as last_day

    from (
        select
            releases.service_key,
            coalesce(zones.time_zone, 'UTC') as time_zone,
            releases.finished_date as event_day
        from releases
        left join zones
            on releases.service_key = zones.service_key
        union all
        select
            service_key,
            time_zone,
            cast({{ local_time('merged_at', 'time_zone') }} as date) as event_day
        from merged_changes
    ) as events

    group by service_key, time_zone

),

grid as (

    select
        service_key,
        period_start,
        cast(period_start + {{ length }} as date) <= last_day as is_complete_period

    from (
        select
            spans.service_key,
            spans.last_day,
            cast(date_trunc('{{ period }}', each_span_day.span_day) as date) as period_start
        from spans
        {{ each_day('spans.first_day', 'spans.last_day', 'span_day') }}
    ) as days

    group by 1, 2, 3

),

-- What happened in a period, where the runs that tell of it were deleted before anybody read them,
-- nobody knows.
unknown as (

    select
        grid.service_key,
        grid.period_start

    from grid

    inner join zones
        on grid.service_key = zones.service_key

    inner join {{ ref('history_gaps') }} as gaps
        on
            grid.service_key = gaps.service_key
            and {{ local_time('gaps.gap_to', "coalesce(zones.time_zone, 'UTC')") }}
            > cast(grid.period_start as timestamp)
            and coalesce(
                {{ local_time('gaps.gap_from', "coalesce(zones.time_zone, 'UTC')") }}
                < cast(grid.period_start + {{ length }} as timestamp),
                true
            )

    group by 1, 2

),

deployed_changes as (

    select * from {{ ref('fct_rollout_changes') }}

),

-- The lead time of a change is of the period of its rollout.
lead_times as (

    select
        service_key,
        cast(date_trunc('{{ period }}', finished_date) as date) as period_start,
        count(*) as deployed_changes,
        count(lead_time_s) as changes,
        {{ percentile(0.5, 'lead_time_s') }} as lead_time_p50_s,
        {{ percentile(0.85, 'lead_time_s') }} as lead_time_p85_s

    from deployed_changes

    group by 1, 2

),

merged as (

    select
        merged_changes.service_key,
        cast(
            date_trunc(
                '{{ period }}',
                cast(
                    {{ local_time('merged_changes.merged_at', 'merged_changes.time_zone') }}
                    as date
                )
            ) as date
        ) as period_start,
        count(*) as merged_changes,
        count(deployed_changes.lead_time_s) as traced_changes

    from merged_changes

    left join deployed_changes
        on merged_changes.change_key = deployed_changes.change_key

    group by 1, 2

),

counted as (

    select
        service_key,
        cast(date_trunc('{{ period }}', finished_date) as date) as period_start,
        count(*) as deployments,
        count(case when is_commit_known then 1 end) as matched_deployments,
        count(case when is_failed then 1 end) as failed_deployments,
        count(case when is_assumed_failed then 1 end) as assumed_failed_deployments,
        count(case when is_rework then 1 end) as rework_deployments,
        count(recovery_s) as recovered_deployments,
        {{ percentile(0.5, 'recovery_s') }} as recovery_time_p50_s

    from releases

    group by 1, 2

),

-- Where nothing is counted that is none, or not known.
judged as (

    select
        grid.service_key,
        grid.period_start,
        grid.is_complete_period,
        case when unknown.service_key is null then grid.service_key end as known_service_key,
        case when unknown.service_key is null then 0 end as nothing

    from grid

    left join unknown
        on grid.service_key = unknown.service_key and grid.period_start = unknown.period_start

),

final as (

    select
        grid.service_key || '|{{ period }}|' || cast(grid.period_start as varchar)
            as {{ this.identifier }}_key,
        grid.service_key,
        '{{ period }}' as period,
        coalesce(counted.deployments, grid.nothing) as deployments,
        cast(coalesce(counted.matched_deployments, grid.nothing) as bigint) as matched_deployments,
        cast(counted.matched_deployments as double) / counted.deployments
            as commit_coverage_share,
        coalesce(merged.merged_changes, 0) as merged_changes,
        coalesce(merged.traced_changes, 0) as traced_changes,
        cast(merged.traced_changes as double) / merged.merged_changes as lead_time_coverage_share,
        coalesce(lead_times.deployed_changes, grid.nothing) as deployed_changes,
        coalesce(lead_times.changes, grid.nothing) as changes,
        lead_times.lead_time_p50_s,
        lead_times.lead_time_p85_s,
        cast(coalesce(counted.failed_deployments, grid.nothing) as bigint) as failed_deployments,
        cast(coalesce(counted.assumed_failed_deployments, grid.nothing) as bigint)
            as assumed_failed_deployments,
        cast(counted.failed_deployments as double) / counted.deployments as change_fail_share,
        cast(counted.failed_deployments + counted.assumed_failed_deployments as double)
        / counted.deployments as change_fail_with_guesses_share,
        coalesce(counted.recovered_deployments, grid.nothing) as recovered_deployments,
        counted.recovery_time_p50_s,
        cast(coalesce(counted.rework_deployments, grid.nothing) as bigint) as rework_deployments,
        cast(counted.rework_deployments as double) / counted.deployments
            as deployment_rework_share,
        grid.nothing is not null as is_history_known,
        grid.is_complete_period,
        grid.period_start

    from judged as grid

    left join counted
        on
            grid.known_service_key = counted.service_key
            and grid.period_start = counted.period_start

    left join lead_times
        on
            grid.known_service_key = lead_times.service_key
            and grid.period_start = lead_times.period_start

    left join merged
        on grid.service_key = merged.service_key and grid.period_start = merged.period_start

)

select * from final
{%- endmacro %}

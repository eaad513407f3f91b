with

deployments as (

    select
        deployments.*,
        cast({{ local_time('deployments.finished_at', 'value_streams.time_zone') }} as date)
            as finished_date

    from {{ ref('fct_deployments') }} as deployments

    inner join {{ ref('dim_services') }} as services
        on deployments.service_key = services.service_key

    inner join {{ ref('dim_value_streams') }} as value_streams
        on services.value_stream_key = value_streams.value_stream_key

    where deployments.is_production and deployments.result in ('success', 'failure')

),

periods as (

    {% for period in ['week', 'month'] %}
        select
            '{{ period }}' as period,
            deployment_key,
            cast(date_trunc('{{ period }}', finished_date) as date) as period_start
        from deployments
        {% if not loop.last %}union all{% endif %}
    {% endfor %}

),

-- From the first deployment of a service on, a period without any is a row too.
spans as (

    select
        deployments.service_key,
        min(deployments.finished_date) as first_day,
        max(cast({{ local_time(as_of(), 'value_streams.time_zone') }} as date)) as last_day

    from deployments

    inner join {{ ref('dim_services') }} as services
        on deployments.service_key = services.service_key

    inner join {{ ref('dim_value_streams') }} as value_streams
        on services.value_stream_key = value_streams.value_stream_key

    group by 1

),

grid as (

    {% for period, column, interval in [
        ('week', 'iso_week_start', "interval '7' day"),
        ('month', 'month_start', "interval '1' month"),
    ] %}
        select
            spans.service_key,
            '{{ period }}' as period,
            dates.{{ column }} as period_start,
            cast(dates.{{ column }} + {{ interval }} as date) <= spans.last_day
                as is_complete_period
        from spans
        inner join {{ ref('dim_dates') }} as dates
            on dates.date_day between spans.first_day and spans.last_day
        group by 1, 2, 3, 4
        {% if not loop.last %}union all{% endif %}
    {% endfor %}

),

-- A change is first in production with one deployment; its lead time is of that period.
changes as (

    select
        periods.period,
        periods.period_start,
        deployments.service_key,
        count(*) as changes,
        percentile_disc(0.5) within group (
            order by {{ seconds_between('changes.first_commit_at', 'changes.deployed_at') }}
        ) as lead_time_p50_s,
        percentile_disc(0.85) within group (
            order by {{ seconds_between('changes.first_commit_at', 'changes.deployed_at') }}
        ) as lead_time_p85_s

    from {{ ref('bridge_deployment_changes') }} as links

    inner join {{ ref('fct_changes') }} as changes
        on links.change_key = changes.change_key

    inner join deployments
        on links.deployment_key = deployments.deployment_key

    inner join periods
        on links.deployment_key = periods.deployment_key

    where changes.first_commit_at <= changes.deployed_at

    group by 1, 2, 3

),

counted as (

    select
        periods.period,
        periods.period_start,
        deployments.service_key,
        count(*) as deployments,
        count(case when deployments.is_failed then 1 end) as failed_deployments,
        count(case when deployments.failure_method = 'same_service' then 1 end)
            as assumed_failed_deployments,
        count(case when deployments.is_rollback or deployments.is_hotfix then 1 end)
            as rework_deployments,
        count(deployments.recovered_at) as recovered_deployments,
        percentile_disc(0.5) within group (
            order by
                case
                    when deployments.recovered_at is not null
                        then {{ seconds_between(
                            'deployments.finished_at', 'deployments.recovered_at'
                        ) }}
                end
        ) as recovery_time_p50_s

    from deployments

    inner join periods
        on deployments.deployment_key = periods.deployment_key

    group by 1, 2, 3

),

final as (

    select
        grid.service_key || '|' || grid.period || '|' || cast(grid.period_start as varchar)
            as metric_dora_key,
        grid.service_key,
        grid.period,
        coalesce(counted.deployments, 0) as deployments,
        coalesce(changes.changes, 0) as changes,
        cast(changes.lead_time_p50_s as bigint) as lead_time_p50_s,
        cast(changes.lead_time_p85_s as bigint) as lead_time_p85_s,
        coalesce(counted.failed_deployments, 0) as failed_deployments,
        coalesce(counted.assumed_failed_deployments, 0) as assumed_failed_deployments,
        cast(counted.failed_deployments as double) / counted.deployments as change_fail_share,
        coalesce(counted.recovered_deployments, 0) as recovered_deployments,
        cast(counted.recovery_time_p50_s as bigint) as recovery_time_p50_s,
        coalesce(counted.rework_deployments, 0) as rework_deployments,
        cast(counted.rework_deployments as double) / counted.deployments
            as deployment_rework_share,
        grid.is_complete_period,
        grid.period_start

    from grid

    left join counted
        on
            grid.service_key = counted.service_key
            and grid.period = counted.period
            and grid.period_start = counted.period_start

    left join changes
        on
            grid.service_key = changes.service_key
            and grid.period = changes.period
            and grid.period_start = changes.period_start

)

select * from final

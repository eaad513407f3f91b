with

periods as (

    select
        targets.*,
        metrics.unit as unit_of_metric,
        case when metrics.unit = 's' then 86400 else 1 end as units,
        row_number() over (
            partition by targets.kind, targets.goal_key
            order by
                case when targets.is_complete_period is false then 1 else 0 end,
                targets.period_start desc
        ) as row_num,
        row_number() over (
            partition by targets.kind, targets.goal_key, targets.status
            order by targets.period_start desc
        ) as place_of_status

    from {{ ref('metric_targets') }} as targets

    left join {{ ref('dim_metrics') }} as metrics
        on targets.metric = metrics.metric

),

counted as (

    select
        kind,
        goal_key,
        count(
            case
                when status in ('on', 'off') and is_complete_period is not false then 1
            end
        ) as periods_judged,
        count(case when status = 'off' and is_complete_period is not false then 1 end)
            as periods_off,
        {{ first_five(
            "case when status = 'off' then cast(period_start as varchar) end", 'place_of_status'
        ) }} as evidence_periods

    from periods

    group by 1, 2

),

final as (

    select
        periods.goal_key as goal,
        periods.kind,
        periods.objective_key as objective,
        owners.name as owner_team,
        periods.metric,
        coalesce(
            streams.name, teams.name, services.name, stages.stage, sources.name
        ) as of_what,
        periods.level,
        periods.better,
        case when periods.unit_of_metric = 's' then 'days' else periods.unit_of_metric end as unit,
        periods.status,
        periods.value / periods.units as value,
        periods.expected / periods.units as expected_value,
        periods.target / periods.units as target,
        periods.progress_share,
        periods.trend,
        periods.mean_before / periods.units as mean_before,
        periods.n,
        counted.periods_judged,
        counted.periods_off,
        counted.evidence_periods,
        periods.period,
        periods.is_complete_period,
        periods.period_start,
        periods.period_end

    from periods

    inner join counted
        on periods.kind = counted.kind and periods.goal_key = counted.goal_key

    left join {{ ref('dim_teams') }} as owners
        on periods.owner_team_key = owners.team_key

    left join {{ ref('dim_value_streams') }} as streams
        on
            case when periods.entity_type = 'value_stream' then periods.entity_key end
            = streams.value_stream_key

    left join {{ ref('dim_teams') }} as teams
        on
            case when periods.entity_type = 'team' then periods.entity_key end
            = teams.team_key

    left join {{ ref('dim_services') }} as services
        on
            case when periods.entity_type = 'service' then periods.entity_key end
            = services.service_key

    left join {{ ref('dim_stages') }} as stages
        on
            case when periods.entity_type = 'stage' then periods.entity_key end
            = stages.stage_key

    left join {{ ref('dim_source_systems') }} as sources
        on
            case when periods.entity_type = 'source_system' then periods.entity_key end
            = sources.source_system_key

    where periods.row_num = 1

)

select * from final

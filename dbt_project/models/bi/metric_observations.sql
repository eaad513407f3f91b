with

final as (

    select
        facts.metric,
        metrics.definition,
        metrics.unit,
        metrics.better,
        facts.entity_type,
        facts.entity_key,
        coalesce(
            entity_streams.name, entity_teams.name, entity_services.name, entity_stages.stage,
            entity_sources.name
        ) as entity,
        facts.value_stream_key,
        streams.name as value_stream,
        facts.workflow,
        facts.level,
        facts.work_type,
        facts.part,
        facts.period,
        facts.value,
        case when metrics.unit = 's' then {{ days_of('facts.value') }} end as value_days,
        facts.numerator,
        facts.denominator,
        facts.n,
        facts.is_complete_period,
        facts.period_start,
        facts.period_end

    from {{ ref('fct_metric_observations') }} as facts

    left join {{ ref('dim_metrics') }} as metrics
        on facts.metric = metrics.metric

    left join {{ ref('dim_value_streams') }} as entity_streams
        on
            case when facts.entity_type = 'value_stream' then facts.entity_key end
            = entity_streams.value_stream_key

    left join {{ ref('dim_teams') }} as entity_teams
        on
            case when facts.entity_type = 'team' then facts.entity_key end
            = entity_teams.team_key

    left join {{ ref('dim_services') }} as entity_services
        on
            case when facts.entity_type = 'service' then facts.entity_key end
            = entity_services.service_key

    left join {{ ref('dim_stages') }} as entity_stages
        on
            case when facts.entity_type = 'stage' then facts.entity_key end
            = entity_stages.stage_key

    left join {{ ref('dim_source_systems') }} as entity_sources
        on
            case when facts.entity_type = 'source_system' then facts.entity_key end
            = entity_sources.source_system_key

    left join {{ ref('dim_value_streams') }} as streams
        on facts.value_stream_key = streams.value_stream_key

)

select * from final

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
            facts.entity_type = 'value_stream'
            and facts.entity_key = entity_streams.value_stream_key

    left join {{ ref('dim_teams') }} as entity_teams
        on
            facts.entity_type = 'team'
            and facts.entity_key = entity_teams.team_key

    left join {{ ref('dim_services') }} as entity_services
        on
            facts.entity_type = 'service'
            and facts.entity_key = entity_services.service_key

    left join {{ ref('dim_stages') }} as entity_stages
        on
            facts.entity_type = 'stage'
            and facts.entity_key = entity_stages.stage_key

    left join {{ ref('dim_source_systems') }} as entity_sources
        on
            facts.entity_type = 'source_system'
            and facts.entity_key = entity_sources.source_system_key

    left join {{ ref('dim_value_streams') }} as streams
        on facts.value_stream_key = streams.value_stream_key

)

select * from final

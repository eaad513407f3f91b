with

final as (

    select
        facts.ci_run_key,
        facts.source_system,
        facts.pipeline,
        facts.repository,
        facts.service_key,
        services.name as service,
        facts.head_sha,
        facts.event,
        facts.result,
        facts.raw_result,
        facts.attempt,
        {{ days_of('facts.queue_s') }} as queue_days,
        {{ days_of('facts.run_s') }} as run_days,
        {{ days_of('facts.machine_s') }} as machine_days,
        {{ days_of('facts.priced_machine_s') }} as priced_machine_days,
        facts.cost,
        facts.is_flaky,
        facts.is_clock_backwards,
        facts.queued_at,
        facts.started_at,
        facts.finished_at,
        teams.name as team,
        services.team_key,
        streams.name as value_stream,
        services.value_stream_key

    from {{ ref('fct_ci_runs') }} as facts

    left join {{ ref('dim_services') }} as services
        on facts.service_key = services.service_key

    left join {{ ref('dim_teams') }} as teams
        on services.team_key = teams.team_key

    left join {{ ref('dim_value_streams') }} as streams
        on services.value_stream_key = streams.value_stream_key

)

select * from final

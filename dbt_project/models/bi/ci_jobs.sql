with

final as (

    select
        facts.ci_job_key,
        facts.ci_run_key,
        runs.repository,
        runs.pipeline,
        runs.attempt,
        facts.source_system,
        facts.job,
        facts.runner_label,
        facts.result,
        facts.raw_result,
        {{ days_of('facts.queue_s') }} as queue_days,
        {{ days_of('facts.run_s') }} as run_days,
        facts.cost,
        facts.is_inherited,
        facts.is_retry,
        facts.is_flaky,
        facts.is_clock_backwards,
        facts.queued_at,
        facts.started_at,
        facts.finished_at,
        services.name as service,
        runs.service_key,
        teams.name as team,
        services.team_key,
        streams.name as value_stream,
        services.value_stream_key

    from {{ ref('fct_ci_jobs') }} as facts

    left join {{ ref('fct_ci_runs') }} as runs
        on facts.ci_run_key = runs.ci_run_key

    left join {{ ref('dim_services') }} as services
        on runs.service_key = services.service_key

    left join {{ ref('dim_teams') }} as teams
        on services.team_key = teams.team_key

    left join {{ ref('dim_value_streams') }} as streams
        on services.value_stream_key = streams.value_stream_key

)

select * from final

{%- set flows %}
    select
        periods.*,
        case when periods.team_key = 'all' then 'value_stream' else 'team' end as entity_type,
        case when periods.team_key = 'all' then periods.value_stream_key else periods.team_key end
            as entity_key,
        'all' as part

    from {{ ref('measure_flow_periods') }} as periods

    where periods.period <> 'day'
{% endset -%}

{%- set deliveries %}
    select
        *,
        'service' as entity_type,
        service_key as entity_key,
        'all' as value_stream_key,
        'all' as workflow,
        'all' as level,
        'all' as work_type,
        'all' as part,
        cast(
            case period
                when 'month' then period_start + interval '1' month
                else period_start + interval '7' day
            end - interval '1' day as date
        ) as period_end

    from (
        select * from {{ ref('metric_dora') }}
        union all
        select * from {{ ref('metric_dora_weeks') }}
    ) as periods
{% endset -%}

{%- set agreements %}
    select
        *,
        'value_stream' as entity_type,
        value_stream_key as entity_key,
        'all' as workflow,
        'all' as work_type,
        priority || '|' || target as part,
        'month' as period,
        month_start as period_start,
        cast(month_start + interval '1' month - interval '1' day as date) as period_end

    from {{ ref('metric_incident_sla') }}
{% endset -%}

{%- set stays %}
    select
        *,
        'stage' as entity_type,
        stage_key as entity_key,
        'all' as work_type,
        'all' as part,
        'week' as period,
        week_start as period_start,
        cast(week_start + interval '6' day as date) as period_end

    from {{ ref('metric_time_in_stage') }}
{% endset -%}

{%- set maps %}
    select
        *,
        'stage' as entity_type,
        stage_key as entity_key,
        'all' as work_type,
        'all' as part,
        'month' as period,
        month_start as period_start,
        cast(month_start + interval '1' month - interval '1' day as date) as period_end

    from {{ ref('metric_value_stream_map') }}
{% endset -%}

{#- What stands there at the end of a week is what stood there at the end of its last day. -#}
{%- set stocks %}
    select
        *,
        'stage' as entity_type,
        stage_key as entity_key,
        'all' as work_type,
        'all' as part,
        'week' as period,
        cast(date_trunc('week', date_day) as date) as period_start,
        date_day as period_end

    from {{ ref('metric_wip') }}

    where cast(date_trunc('week', date_day) as date) = cast(date_day - interval '6' day as date)
{% endset -%}

{%- set totals %}
    select
        *,
        'value_stream' as entity_type,
        value_stream_key as entity_key,
        'all' as work_type,
        'all' as part,
        'week' as period,
        cast(date_trunc('week', date_day) as date) as period_start,
        date_day as period_end

    from {{ ref('metric_wip_totals') }}

    where cast(date_trunc('week', date_day) as date) = cast(date_day - interval '6' day as date)
{% endset -%}

{%- set charts %}
    select
        *,
        'value_stream' as entity_type,
        value_stream_key as entity_key,
        'all' as work_type,
        'all' as part,
        'week' as period,
        week_start as period_start,
        cast(week_start + interval '6' day as date) as period_end

    from {{ ref('metric_xmr') }}

    where metric = 'flow_time_log_h'
{% endset -%}

{%- set learnings %}
    select
        *,
        'value_stream' as entity_type,
        value_stream_key as entity_key,
        'all' as workflow,
        'all' as level,
        'all' as work_type,
        'all' as part,
        'month' as period,
        month_start as period_start,
        cast(month_start + interval '1' month - interval '1' day as date) as period_end

    from {{ ref('metric_time_to_learning') }}
{% endset -%}

{#- The same for every currency in which money was spent: once. -#}
{%- set measures %}
    select distinct
        value_stream_key,
        measured_days,
        measured_value,
        improvement,
        is_complete_period,
        'value_stream' as entity_type,
        value_stream_key as entity_key,
        'all' as workflow,
        'all' as level,
        'all' as work_type,
        measure as part,
        'month' as period,
        month_start as period_start,
        cast(month_start + interval '1' month - interval '1' day as date) as period_end

    from {{ ref('metric_value_per_spend') }}
{% endset -%}

{%- set spent %}
    select
        *,
        'value_stream' as entity_type,
        value_stream_key as entity_key,
        'all' as workflow,
        'all' as level,
        'all' as work_type,
        measure || '|' || currency as part,
        'month' as period,
        month_start as period_start,
        cast(month_start + interval '1' month - interval '1' day as date) as period_end

    from {{ ref('metric_value_per_spend') }}

    where value_per_spend is not null
{% endset -%}

{#- Without periods: what is known at as_of. -#}
{%- set as_of_day -%} cast({{ as_of() }} as date) {%- endset -%}

{%- set calibrations %}
    select
        *,
        'value_stream' as entity_type,
        value_stream_key as entity_key,
        'all' as work_type,
        'p' || cast(percentile as varchar) as part,
        'as_of' as period,
        true as is_complete_period,
        {{ as_of_day }} as period_start,
        {{ as_of_day }} as period_end

    from {{ ref('metric_forecast_calibration') }}
{% endset -%}

{%- set flaws %}
    select
        *,
        'source_system' as entity_type,
        source_system as entity_key,
        'all' as value_stream_key,
        'all' as workflow,
        'all' as level,
        'all' as work_type,
        measure as part,
        'as_of' as period,
        true as is_complete_period,
        {{ as_of_day }} as period_start,
        {{ as_of_day }} as period_end

    from {{ ref('metric_data_quality') }}
{% endset -%}

{%- set unmapped %}
    select
        *,
        'value_stream' as entity_type,
        value_stream_key as entity_key,
        'all' as workflow,
        'all' as level,
        'all' as work_type,
        'all' as part,
        'as_of' as period,
        true as is_complete_period,
        {{ as_of_day }} as period_start,
        {{ as_of_day }} as period_end

    from {{ ref('metric_unmapped_time') }}
{% endset -%}

{{ observations(
    tables={
        'flows': flows, 'deliveries': deliveries, 'agreements': agreements, 'stays': stays,
        'maps': maps, 'stocks': stocks, 'totals': totals, 'charts': charts,
        'learnings': learnings, 'measures': measures, 'spent': spent,
        'calibrations': calibrations, 'flaws': flaws, 'unmapped': unmapped,
    },
    numbers={
        'flows': [
            {'metric': 'velocity'},
            {'metric': 'earlier_finishes'},
            {'metric': 'flow_time_p50_s', 'n': 'n'},
            {'metric': 'flow_time_p85_s', 'n': 'n'},
            {'metric': 'flow_time_p95_s', 'n': 'n'},
            {
                'metric': 'flow_efficiency_share', 'n': 'velocity',
                'numerator': 'active_s', 'denominator': 'active_s + wait_s',
            },
            {'metric': 'load'},
            {
                'metric': 'distribution_share', 'where': "work_type <> 'all'",
                'numerator': 'velocity', 'denominator': 'velocity_of_all', 'n': 'velocity_of_all',
            },
            {
                'metric': 'started_share', 'numerator': 'n', 'denominator': 'velocity',
                'n': 'velocity',
            },
            {
                'metric': 'rework_share', 'numerator': 'rework_s', 'denominator': 'in_flow_s',
                'n': 'velocity',
            },
            {
                'metric': 'first_pass_yield_share', 'numerator': 'first_pass_items',
                'denominator': 'velocity', 'n': 'velocity',
            },
        ],
        'deliveries': [
            {'metric': 'deployments'},
            {'metric': 'merged_changes'},
            {'metric': 'deployed_changes'},
            {'metric': 'failed_deployments'},
            {
                'metric': 'commit_coverage_share', 'numerator': 'matched_deployments',
                'denominator': 'deployments', 'n': 'deployments',
            },
            {
                'metric': 'lead_time_coverage_share', 'numerator': 'traced_changes',
                'denominator': 'merged_changes', 'n': 'merged_changes',
            },
            {'metric': 'lead_time_p50_s', 'n': 'changes'},
            {'metric': 'lead_time_p85_s', 'n': 'changes'},
            {
                'metric': 'change_fail_share', 'numerator': 'failed_deployments',
                'denominator': 'deployments', 'n': 'deployments',
            },
            {
                'metric': 'change_fail_with_guesses_share',
                'numerator': 'failed_deployments + assumed_failed_deployments',
                'denominator': 'deployments', 'n': 'deployments',
            },
            {'metric': 'recovery_time_p50_s', 'n': 'recovered_deployments'},
            {
                'metric': 'deployment_rework_share', 'numerator': 'rework_deployments',
                'denominator': 'deployments', 'n': 'deployments',
            },
        ],
        'agreements': [
            {'metric': 'started'},
            {'metric': 'breached'},
            {'metric': 'unjudged'},
            {'metric': 'running'},
            {'metric': 'running_breached'},
            {'metric': 'met_share', 'numerator': 'met', 'denominator': 'ended', 'n': 'ended'},
            {'metric': 'time_p50_s', 'n': 'time_n'},
            {'metric': 'time_p85_s', 'n': 'time_n'},
        ],
        'stays': [
            {'metric': 'visits'},
            {'metric': 'elapsed_p50_s', 'n': 'visits'},
            {'metric': 'elapsed_p85_s', 'n': 'visits'},
            {'metric': 'elapsed_s', 'n': 'visits'},
            {'metric': 'blocked_s', 'n': 'visits'},
            {'metric': 'bounces'},
        ],
        'maps': [
            {'metric': 'wait_p50_s', 'n': 'visits'},
            {'metric': 'wait_p85_s', 'n': 'visits'},
            {'metric': 'active_p50_s', 'n': 'visits'},
            {'metric': 'active_p85_s', 'n': 'visits'},
            {'metric': 'wait_s', 'n': 'visits'},
            {'metric': 'active_s', 'n': 'visits'},
            {
                'metric': 'rework_share', 'numerator': 'rework_visits', 'denominator': 'visits',
                'n': 'visits',
            },
            {'metric': 'visits_within_wait_target', 'n': 'visits'},
            {'metric': 'visits_within_active_target', 'n': 'visits'},
        ],
        'stocks': [
            {'metric': 'wip_eod'},
            {'metric': 'queue_len'},
            {'metric': 'blocked_wip'},
        ],
        'totals': [
            {'metric': 'open_items'},
            {'metric': 'backlog_items'},
            {'metric': 'in_flow_items'},
            {'metric': 'waiting_items'},
            {'metric': 'worked_on_items'},
            {'metric': 'wip_items'},
            {'metric': 'blocked_items'},
            {'metric': 'age_sum_s', 'n': 'wip_items'},
        ],
        'charts': [{'metric': 'flow_time_log_h', 'value': 'value', 'n': 'n'}],
        'learnings': [
            {'metric': 'conceived_experiments'},
            {'metric': 'learned_experiments'},
            {'metric': 'supported_experiments'},
            {'metric': 'refuted_experiments'},
            {
                'metric': 'mean_learning_days', 'numerator': 'learning_days',
                'denominator': 'learned_experiments', 'n': 'learned_experiments',
            },
            {
                'metric': 'supported_share', 'numerator': 'supported_experiments',
                'denominator': 'supported_experiments + refuted_experiments',
                'n': 'supported_experiments + refuted_experiments',
            },
        ],
        'measures': [
            {'metric': 'measured_value', 'n': 'measured_days'},
            {'metric': 'improvement', 'n': 'measured_days'},
        ],
        'spent': [
            {
                'metric': 'value_per_spend', 'numerator': 'measured_value',
                'denominator': 'spend', 'n': 'measured_days',
            },
        ],
        'calibrations': [
            {'metric': 'coverage_share', 'numerator': 'hits', 'denominator': 'n', 'n': 'n'},
        ],
        'flaws': [
            {
                'metric': 'affected_share', 'numerator': 'affected', 'denominator': 'total',
                'n': 'total',
            },
        ],
        'unmapped': [
            {'metric': 'unmapped_items'},
            {
                'metric': 'unmapped_share', 'numerator': 'unmapped_s', 'denominator': 'elapsed_s',
                'n': 'unmapped_items',
            },
        ],
    },
) }}

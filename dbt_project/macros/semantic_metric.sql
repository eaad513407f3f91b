{#- The name of a metric of dim_metrics in the semantic layer, which has it by the same name; null where
    it has none. dbt knows its metrics only when everything is parsed: tests/semantic/test_parity.py
    keeps the list complete. -#}
{% macro semantic_metric(column) -%}
    case
        when {{ column }} in (
            'active_s',
            'blocked_items',
            'breached',
            'change_fail_share',
            'changes',
            'commit_coverage_share',
            'deployed_changes',
            'deployment_rework_share',
            'deployments',
            'failed_deployments',
            'first_pass_items',
            'first_pass_yield_share',
            'flow_efficiency_share',
            'flow_time_p50_s',
            'flow_time_p85_s',
            'flow_time_p95_s',
            'lead_time_p50_s',
            'lead_time_p85_s',
            'linked_items',
            'linked_share',
            'load',
            'matched_deployments',
            'met_share',
            'queued_s',
            'queued_share',
            'recovered_deployments',
            'recovery_time_p50_s',
            'rework_deployments',
            'rework_share',
            'started_share',
            'velocity',
            'wait_s',
            'window_s'
        ) then {{ column }}
    end
{%- endmacro %}

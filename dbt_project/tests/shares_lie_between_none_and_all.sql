-- noqa: disable=LT02,AL04
-- Every published share, with the columns that it is made of. A share that this list lacks, of
-- whatever table, is a row too; null and null say that a table does not hold what it is made of.
{%- set flow = {
    'flow_efficiency_share': ('active_s', 'active_s + wait_s'),
    'started_share': ('n', 'velocity'),
    'rework_share': ('rework_s', 'in_flow_s'),
    'first_pass_yield_share': ('first_pass_items', 'velocity'),
} %}
{%- set flow_by_type = dict(flow, distribution_share=(none, none)) %}
{%- set dora = {
    'commit_coverage_share': ('matched_deployments', 'deployments'),
    'lead_time_coverage_share': ('traced_changes', 'merged_changes'),
    'change_fail_share': ('failed_deployments', 'deployments'),
    'change_fail_with_guesses_share': (
        'failed_deployments + assumed_failed_deployments', 'deployments'
    ),
    'deployment_rework_share': ('rework_deployments', 'deployments'),
} %}
{%- set made_of = {
    'fct_work_item_flows': {'flow_efficiency_share': ('active_s', 'active_s + wait_s')},
    'metric_flow': flow_by_type,
    'metric_flow_teams': flow_by_type,
    'metric_flow_months': flow_by_type,
    'metric_flow_team_months': flow_by_type,
    'metric_flow_increments': flow_by_type,
    'metric_flow_team_increments': flow_by_type,
    'metric_flow_totals': flow,
    'metric_flow_team_totals': flow,
    'metric_flow_month_totals': flow,
    'metric_flow_team_month_totals': flow,
    'metric_flow_increment_totals': flow,
    'metric_flow_team_increment_totals': flow,
    'metric_dora': dora,
    'metric_dora_weeks': dora,
    'metric_value_stream_map': {'rework_share': ('rework_visits', 'visits')},
    'metric_value_stream_map_totals': {'rework_share': ('rework_visits', 'visits')},
    'metric_incident_sla': {'met_share': ('met', 'met + breached')},
    'metric_forecast': {'predictability_share': (none, none)},
    'metric_forecast_calibration': {'coverage_share': ('hits', 'n')},
    'metric_data_quality': {'affected_share': ('affected', 'total')},
    'metric_xmr': {'expected_false_alarm_share': (none, none)},
    'metric_throughput_xmr': {'expected_false_alarm_share': (none, none)},
} %}
{#- May be missing where a denominator is there: nothing waits in the workflow. -#}
{%- set may_be_missing = ['flow_efficiency_share'] %}

with

shares as (

    {%- for table, shares in made_of.items() %}
        {%- for share, parts in shares.items() %}

            select
                '{{ table }}.{{ share }}' as what,
                {{ share }} as share_of,
                cast({{ parts[0] or 'null' }} as double) as numerator,
                cast({{ parts[1] or 'null' }} as double) as denominator,
                {{ 'true' if share in may_be_missing else 'false' }} as may_be_missing
            from {{ ref(table) }}
            union all
        {%- endfor %}
    {%- endfor %}

    {%- for node in graph.nodes.values() if execute and node.resource_type == 'model' %}
        {%- for column in node.columns.values() if node.schema in ('marts', 'metrics') %}
            {%- if column.name.endswith('_share')
                and column.name not in made_of.get(node.name, {}) %}

                select
                    '{{ node.name }}.{{ column.name }} is not known here' as what,
                    2 as share_of,
                    null as numerator,
                    null as denominator,
                    false as may_be_missing
                union all
            {%- endif %}
        {%- endfor %}
    {%- endfor %}

    select
        null as what,
        null as share_of,
        null as numerator,
        null as denominator,
        null as may_be_missing
    where false

)

select
    what,
    share_of,
    numerator,
    denominator

from shares

where
    share_of < 0
    or share_of > 1
    or numerator < 0
    or numerator > denominator
    or abs(share_of * denominator - numerator) > 0.000001 * denominator
    or (share_of is null and denominator > 0 and not may_be_missing)
    or (share_of is not null and denominator = 0)

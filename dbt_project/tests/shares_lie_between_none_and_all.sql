-- noqa: disable=LT02
-- Every published share of whatever table, and the columns that it is made of, where its table has
-- them; none says that no table does. A share that this list lacks is a row too.
{%- set made_of = {
    'affected_share': ('affected', 'total'),
    'change_fail_share': ('failed_deployments', 'deployments'),
    'change_fail_with_guesses_share': (
        'failed_deployments + assumed_failed_deployments', 'deployments'
    ),
    'commit_coverage_share': ('matched_deployments', 'deployments'),
    'coverage_share': ('hits', 'n'),
    'deployment_rework_share': ('rework_deployments', 'deployments'),
    'distribution_share': none,
    'expected_false_alarm_share': none,
    'first_pass_yield_share': ('first_pass_items', 'velocity'),
    'flow_efficiency_share': ('active_s', 'active_s + wait_s'),
    'lead_time_coverage_share': ('traced_changes', 'merged_changes'),
    'met_share': ('met', 'met + breached'),
    'predictability_share': none,
    'rework_share': ('rework_s', 'in_flow_s'),
    'started_share': ('n', 'velocity'),
} %}
{#- May be missing where a denominator is there: nothing waits in the workflow. -#}
{%- set may_be_missing = ['flow_efficiency_share'] %}
{%- for name in published_models() %}
-- depends_on: {{ ref(name) }}
{%- endfor %}

with

shares as (

    {%- for node in graph.nodes.values() | sort(attribute='unique_id') if execute %}
        {%- for column in node.columns.values()
            if node.name in published_models() and column.name.endswith('_share') %}
            {%- set parts = made_of.get(column.name, none) or ('null', 'null') %}
            {%- set lacks = [] %}
            {%- for part in (parts[0] ~ ' + ' ~ parts[1]).split(' + ') %}
                {%- if part not in node.columns %}{% do lacks.append(part) %}{% endif %}
            {%- endfor %}

            select
                '{{ node.name }}.{{ column.name }}' as what,
                {{ column.name if column.name in made_of else '2' }} as share_of,
                cast({{ 'null' if lacks else parts[0] }} as double) as numerator,
                cast({{ 'null' if lacks else parts[1] }} as double) as denominator,
                {{ 'true' if column.name in may_be_missing else 'false' }} as may_be_missing
            from {{ node.relation_name }}
            union all
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

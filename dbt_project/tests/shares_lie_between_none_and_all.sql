-- noqa: disable=LT02
-- Every published share of whatever table, and the columns that it is made of: by the name of the
-- share, or of table and share where one table makes it of others; none says that no column does.
-- A share that this list lacks is a row too, and so is one whose table lacks what it is made of.
{%- set made_of = {
    'actual_share': ('allocated', 'allocated_of_all'),
    'active_period_share': ('active_period_s', 'window_s'),
    'affected_share': ('affected', 'total'),
    'change_fail_share': ('failed_deployments', 'deployments'),
    'change_fail_with_guesses_share': (
        'failed_deployments + assumed_failed_deployments', 'deployments'
    ),
    'commit_coverage_share': ('matched_deployments', 'deployments'),
    'coverage_share': ('hits', 'n'),
    'cumulative_lost_share': ('cumulative_lost_s', 'all_lost_s'),
    'deployment_rework_share': ('rework_deployments', 'deployments'),
    'distribution_share': none,
    'done_share': ('done_count', 'done_count + open_count'),
    'downstream_starved_share': ('downstream_starved_s', 'window_s'),
    'escape_share': ('escaped', 'escaped + found_before'),
    'expected_false_alarm_share': none,
    'failure_share': ('failed_attempts', 'judged_attempts'),
    'first_pass_yield_share': ('first_pass_items', 'velocity'),
    'flaky_share': ('flaky_attempts', 'judged_attempts'),
    'flow_efficiency_share': ('active_s', 'active_s + wait_s'),
    'lead_time_coverage_share': ('traced_changes', 'merged_changes'),
    'lead_time_in_ci_share': ('lead_time_in_ci_s', 'lead_time_s'),
    'lost_share': ('lost_s', 'all_lost_s'),
    'metric_value_stream_map.rework_share': ('rework_visits', 'visits'),
    'metric_value_stream_map_totals.rework_share': ('rework_visits', 'visits'),
    'linked_share': ('linked_items', 'finished_items'),
    'met_share': ('met', 'met + breached'),
    'method_share': ('method_items', 'finished_items'),
    'max_share': none,
    'min_share': none,
    'power_share': none,
    'predictability_share': none,
    'progress_share': none,
    'queued_share': ('queued_s', 'window_s'),
    'rework_share': ('rework_s', 'in_flow_s'),
    'score_share': ('score', 'best_score'),
    'started_share': ('n', 'velocity'),
    'supported_share': (
        'supported_experiments', 'supported_experiments + refuted_experiments'
    ),
    'unmapped_share': ('unmapped_s', 'elapsed_s'),
} %}
{#- May be missing where a denominator is there: nothing waits in the workflow, nobody works at a
    gate, no station follows, too few people answered. -#}
{%- set may_be_missing = [
    'active_period_share', 'downstream_starved_share', 'flow_efficiency_share', 'score_share'
] %}
{%- for name in published_models() %}
-- depends_on: {{ ref(name) }}
{%- endfor %}

with

shares as (

    {%- for node in graph.nodes.values() | sort(attribute='unique_id') if execute %}
        {%- for column in node.columns.values()
            if node.name in published_models() and column.name.endswith('_share') %}
            {%- set what = node.name ~ '.' ~ column.name %}
            {%- set named = what if what in made_of else column.name %}
            {%- set parts = made_of.get(named, none) or ('null', 'null') %}
            {%- set lacks = [] %}
            {%- for part in (parts[0] ~ ' + ' ~ parts[1]).split(' + ') if part != 'null' %}
                {%- if part not in node.columns %}{% do lacks.append(part) %}{% endif %}
            {%- endfor %}
            {%- set is_known = named in made_of and not lacks %}

            select
                '{{ what }}' as what,
                {{ column.name if is_known else '2' }} as share_of,
                cast({{ parts[0] if is_known else 'null' }} as double) as numerator,
                cast({{ parts[1] if is_known else 'null' }} as double) as denominator,
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

-- noqa: disable=LT02
-- By the keys of the facts: a dimension that has a key twice would make a row two.
with

counted as (

    {%- for view, fact in [
        ('approvals', 'fct_approvals'),
        ('blocked_intervals', 'fct_blocked_intervals'),
        ('capitalisation_evidence', 'fct_capitalisation_evidence'),
        ('change_keys', 'fct_change_keys'),
        ('change_requests', 'fct_change_requests'),
        ('changes', 'fct_changes'),
        ('ci_jobs', 'fct_ci_jobs'),
        ('ci_runs', 'fct_ci_runs'),
        ('daily_flows', 'fct_daily_flows'),
        ('defects', 'fct_defects'),
        ('deployments', 'fct_deployments'),
        ('flow_attempts', 'fct_flow_attempts'),
        ('group_stays', 'fct_group_stays'),
        ('handovers', 'fct_handovers'),
        ('history_flags', 'fct_history_flags'),
        ('incidents', 'fct_incidents'),
        ('metric_observations', 'fct_metric_observations'),
        ('rollout_changes', 'fct_rollout_changes'),
        ('rollouts', 'fct_rollouts'),
        ('stage_transitions', 'fct_stage_transitions'),
        ('stage_visits', 'fct_stage_visits'),
        ('status_transitions', 'fct_status_transitions'),
        ('task_slas', 'fct_task_slas'),
        ('traces', 'fct_traces'),
        ('work_item_stages', 'fct_work_item_stages'),
        ('work_items', 'fct_work_item_flows'),
    ] %}
    select
        '{{ view }}' as view_name,
        (select count(*) from {{ ref(view) }}) as view_rows,
        (select count(*) from {{ ref(fact) }}) as fact_rows
    {% if not loop.last %}union all{% endif %}
    {%- endfor %}

)

select * from counted
where view_rows <> fact_rows

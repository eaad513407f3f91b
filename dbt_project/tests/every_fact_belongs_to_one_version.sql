-- Versions do not overlap (versions_of_an_item_do_not_overlap): a fact that lies within its version
-- lies within no other. So facts are looked up by the key of their version, and by no range.
with

facts as (

    {%- for table, key, moment in [
        ('fct_status_transitions', 'status_transition_key', 'changed_at'),
        ('fct_stage_transitions', 'stage_transition_key', 'changed_at'),
        ('fct_stage_visits', 'stage_visit_key', 'entered_at'),
        ('fct_flow_attempts', 'flow_attempt_key', 'coalesce(ended_at, ' ~ as_of() ~ ')'),
        ('fct_handovers', 'handover_key', 'handed_over_at'),
        ('fct_work_item_flows', 'work_item_key', as_of()),
        ('metric_cycle_times', 'work_item_key', 'last_done_at'),
    ] %}

        select
            '{{ table }} ' || {{ key }} as fact,
            work_item_key,
            work_item_version_key,
            {{ moment }} as happened_at
        from {{ ref(table) }}
        {% if not loop.last %}union all{% endif %}
    {%- endfor %}

)

select facts.fact

from facts

left join {{ ref('dim_work_items') }} as work_items
    on facts.work_item_version_key = work_items.work_item_version_key

where
    work_items.work_item_version_key is null
    or work_items.work_item_key <> facts.work_item_key
    or not {{ valid_at('work_items', 'facts.happened_at') }}

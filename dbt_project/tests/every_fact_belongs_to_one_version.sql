with

facts as (

    select
        'status ' || status_transition_key as fact,
        work_item_key,
        work_item_version_key,
        changed_at as happened_at
    from {{ ref('fct_status_transitions') }}

    union all

    select
        'stage ' || stage_transition_key as fact,
        work_item_key,
        work_item_version_key,
        changed_at as happened_at
    from {{ ref('fct_stage_transitions') }}

    union all

    select
        'visit ' || stage_visit_key as fact,
        work_item_key,
        work_item_version_key,
        entered_at as happened_at
    from {{ ref('fct_stage_visits') }}

    union all

    select
        'attempt ' || flow_attempt_key as fact,
        work_item_key,
        work_item_version_key,
        coalesce(ended_at, {{ as_of() }}) as happened_at
    from {{ ref('fct_flow_attempts') }}

    union all

    select
        'handover ' || handover_key as fact,
        work_item_key,
        work_item_version_key,
        handed_over_at as happened_at
    from {{ ref('fct_handovers') }}

)

select facts.fact

from facts

left join {{ ref('dim_work_items') }} as work_items
    on
        facts.work_item_key = work_items.work_item_key
        and {{ valid_at('work_items', 'facts.happened_at') }}

group by 1

having
    count(*) <> 1
    or max(
        case when facts.work_item_version_key = work_items.work_item_version_key then 1 else 0 end
    )
    = 0

{{ config(severity='warn') }}

select
    work_items.source_system,
    transitions.workflow,
    lower(transitions.to_status) as status,
    count(distinct transitions.work_item_key) as work_items

from {{ ref('fct_stage_transitions') }} as transitions

inner join {{ ref('dim_work_items') }} as work_items
    on transitions.work_item_version_key = work_items.work_item_version_key

where transitions.to_stage = 'unmapped'

group by 1, 2, 3

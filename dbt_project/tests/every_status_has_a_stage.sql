{{ config(severity='warn') }}

select
    work_items.source_system,
    work_items.workflow,
    lower(transitions.to_status) as status,
    count(distinct transitions.work_item_key) as work_items

from {{ ref('fct_status_transitions') }} as transitions

inner join {{ ref('dim_work_items') }} as work_items
    on transitions.work_item_key = work_items.work_item_key and work_items.is_current

left join {{ ref('status_stages') }} as status_stages
    on
        work_items.source_system = status_stages.source_system
        and work_items.workflow = status_stages.workflow
        and lower(transitions.to_status) = status_stages.status

where status_stages.stage is null

group by 1, 2, 3

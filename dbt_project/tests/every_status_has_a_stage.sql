{{ config(severity='warn') }}

-- Of every change of a status: from one without a stage to another one no stage changes.
select
    items.source_system,
    items.workflow,
    lower(statuses.to_status) as status,
    count(distinct statuses.work_item_key) as work_items

from {{ ref('fct_status_transitions') }} as statuses

inner join {{ ref('check_staged_statuses') }} as staged
    on
        statuses.work_item_key = staged.work_item_key
        and statuses.transition_seq = staged.transition_seq

inner join {{ ref('dim_work_items') }} as items
    on statuses.work_item_key = items.work_item_key and items.is_current

where staged.stage = 'unmapped'

group by 1, 2, 3

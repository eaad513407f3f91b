{{ config(severity='warn') }}

-- Only issues tell their type of work; and a line that says `unassigned` is an answer.
select
    work_items.source_system,
    work_items.raw_type,
    count(*) as work_items

from {{ ref('dim_work_items') }} as work_items

inner join {{ ref('int_work_types') }} as work_types
    on
        work_items.source_system = work_types.source_system
        and work_items.item_kind = work_types.item_kind
        and work_items.raw_type = work_types.raw_type

where
    work_items.is_current
    and work_items.item_kind = 'issue'
    and work_items.work_type = 'unassigned'
    and not work_types.is_known

group by 1, 2

{{ config(severity='warn') }}

select
    source_system,
    scope,
    count(*) as work_items

from {{ ref('dim_work_items') }}

where is_current and value_stream_key = 'unassigned'

group by 1, 2

{{ config(severity='warn') }}

select
    work_item_key,
    reason,
    own_count,
    source_count

from {{ ref('fct_history_flags') }}

where reason = 'reassignments_differ_unexplained'

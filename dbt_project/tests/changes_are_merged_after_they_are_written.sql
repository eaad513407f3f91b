{{ config(severity='warn') }}

select
    change_key,
    first_commit_at,
    merged_at

from {{ ref('fct_changes') }}

where merged_at < first_commit_at

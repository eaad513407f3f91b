with

entries as (

    select
        'jira:' || issue_id as work_item_key,
        id as history_id,
        item_count

    from {{ source('jira', 'histories') }}

),

changes as (

    select
        work_item_key,
        history_id,
        count(*) as changes

    from {{ ref('stg_jira__issue_changes') }}

    group by 1, 2

)

select
    entries.work_item_key,
    entries.history_id,
    entries.item_count,
    changes.changes

from entries

left join changes
    on
        entries.work_item_key = changes.work_item_key
        and entries.history_id = changes.history_id

where coalesce(changes.changes, 0) <> entries.item_count

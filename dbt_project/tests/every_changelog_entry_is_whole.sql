-- Three counts that the loads took down beside what they brought: the changes within an entry, the
-- entries of an issue, the audited changes of a record; and what Jira itself says that there are.
with

changes as (

    select
        work_item_key,
        history_id,
        count(*) as changes

    from {{ ref('stg_jira__issue_changes') }}

    group by 1, 2

),

entries as (

    select
        'jira:' || issue_id as work_item_key,
        id as history_id,
        item_count

    from {{ source('jira', 'histories') }}

),

entries_of_issues as (

    select
        work_item_key,
        count(*) as entries

    from entries

    group by 1

),

audits as (

    select
        work_item_key,
        count(*) as audits

    from {{ ref('stg_servicenow__audits') }}

    group by 1

)

select
    entries.work_item_key,
    'changes of entry ' || entries.history_id as counted,
    entries.item_count as expected,
    coalesce(changes.changes, 0) as found

from entries

left join changes
    on
        entries.work_item_key = changes.work_item_key
        and entries.history_id = changes.history_id

where coalesce(changes.changes, 0) <> entries.item_count

union all

select
    checks.work_item_key,
    'entries' as counted,
    checks.history_count as expected,
    coalesce(entries_of_issues.entries, 0) as found

from {{ ref('stg_jira__history_checks') }} as checks

left join entries_of_issues
    on checks.work_item_key = entries_of_issues.work_item_key

where coalesce(entries_of_issues.entries, 0) < checks.history_count

union all

select
    checks.work_item_key,
    'entries that Jira counts' as counted,
    checks.source_count as expected,
    coalesce(entries_of_issues.entries, 0) as found

from {{ ref('stg_jira__history_checks') }} as checks

left join entries_of_issues
    on checks.work_item_key = entries_of_issues.work_item_key

where
    coalesce(entries_of_issues.entries, 0) < checks.source_count
    and checks.history_quality <> 'truncated'

union all

select
    checks.work_item_key,
    'audited changes' as counted,
    checks.audit_count as expected,
    coalesce(audits.audits, 0) as found

from {{ ref('stg_servicenow__history_checks') }} as checks

left join audits
    on checks.work_item_key = audits.work_item_key

where coalesce(audits.audits, 0) < checks.audit_count

with

incidents as (

    select * from {{ ref('stg_servicenow__tasks') }}
    where table_name = 'incident'

),

reassignments as (

    select * from {{ ref('int_servicenow_reassignments') }}

),

fields_then as (

    select * from {{ ref('int_servicenow_fields_then') }}

),

-- Where the audit keeps the states of a table, a record without a change of it has had none.
audited_tables as (

    select distinct incidents.table_name

    from incidents

    inner join {{ ref('int_servicenow_state_changes') }} as state_changes
        on incidents.work_item_key = state_changes.work_item_key

    where state_changes.history_source = 'audit'

),

checks as (

    select * from {{ ref('stg_servicenow__history_checks') }}
    where audit_count > 0

),

moves as (

    select distinct work_item_key

    from {{ ref('int_servicenow_state_changes') }}

    where history_source in ('audit', 'metric')

),

servicenow as (

    select
        incidents.work_item_key,
        cast(null as varchar) as raw_environment,
        true as is_beginning_told,
        moves.work_item_key is not null
        or (checks.work_item_key is not null and audited_tables.table_name is not null)
            as has_state_history,
        coalesce(incidents.opened_at, incidents.created_at) as opened_at,
        incidents.resolved_at,
        incidents.closed_at,
        incidents.severity,
        incidents.priority,
        reassignments.reassignment_count,
        reassignments.source_count as source_reassignment_count,
        {{ safe_cast_text('reopenings.value', 'bigint') }} as source_reopen_count,
        case
            when lower(verdicts.value) in ('true', '1') then true
            when lower(verdicts.value) in ('false', '0') then false
        end as made_sla,
        verdicts.changed_at as judged_at,
        incidents.caused_by

    from incidents

    left join reassignments
        on incidents.work_item_key = reassignments.work_item_key

    left join fields_then as reopenings
        on incidents.work_item_key = reopenings.work_item_key and reopenings.field = 'reopen_count'

    left join fields_then as verdicts
        on incidents.work_item_key = verdicts.work_item_key and verdicts.field = 'made_sla'

    left join moves
        on incidents.work_item_key = moves.work_item_key

    left join checks
        on incidents.work_item_key = checks.work_item_key

    left join audited_tables
        on incidents.table_name = audited_tables.table_name

),

inbox as (

    select
        work_item_key,
        raw_environment,
        is_beginning_told,
        true as has_state_history,
        opened_at,
        cast(null as timestamp) as resolved_at,
        cast(null as timestamp) as closed_at,
        severity,
        cast(null as varchar) as priority,
        cast(null as bigint) as reassignment_count,
        cast(null as bigint) as source_reassignment_count,
        cast(null as bigint) as source_reopen_count,
        cast(null as boolean) as made_sla,
        cast(null as timestamp) as judged_at,
        cast(null as varchar) as caused_by

    from {{ ref('int_inbox_incidents') }}

),

final as (

    select * from servicenow
    union all
    select * from inbox

)

select * from final

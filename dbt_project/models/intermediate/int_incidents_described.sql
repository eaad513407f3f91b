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

-- Tables whose states ServiceNow audits, as at least one audited change of a state shows. A record
-- of such a table that has audit rows, but none of its state, has never changed its state.
audited_tables as (

    select distinct incidents.table_name

    from incidents

    inner join {{ ref('int_servicenow_state_changes') }} as state_changes
        on incidents.work_item_key = state_changes.work_item_key

    where state_changes.history_source = 'audit'

),

-- Records with audit rows.
audited_records as (

    select * from {{ ref('stg_servicenow__history_checks') }}
    where audit_count > 0

),

-- Records with a recorded change of state; snapshots of loads are left out, they may miss some.
records_with_state_changes as (

    select distinct work_item_key

    from {{ ref('int_servicenow_state_changes') }}

    where history_source in ('audit', 'metric')

),

servicenow as (

    select
        incidents.work_item_key,
        cast(null as varchar) as raw_environment,
        true as has_known_start,
        records_with_state_changes.work_item_key is not null
        or (audited_records.work_item_key is not null and audited_tables.table_name is not null)
            as has_state_history,
        coalesce(incidents.opened_at, incidents.created_at) as opened_at,
        incidents.resolved_at,
        incidents.closed_at,
        incidents.severity,
        incidents.priority,
        reassignments.reassignment_count,
        reassignments.source_count as source_reassignment_count,
        {{ safe_cast_text('reopen_counts.value', 'bigint') }} as source_reopen_count,
        case
            when lower(sla_results.value) in ('true', '1') then true
            when lower(sla_results.value) in ('false', '0') then false
        end as made_sla,
        sla_results.changed_at as judged_at,
        incidents.caused_by

    from incidents

    left join reassignments
        on incidents.work_item_key = reassignments.work_item_key

    left join fields_then as reopen_counts
        on
            incidents.work_item_key = reopen_counts.work_item_key
            and reopen_counts.field = 'reopen_count'

    left join fields_then as sla_results
        on incidents.work_item_key = sla_results.work_item_key and sla_results.field = 'made_sla'

    left join records_with_state_changes
        on incidents.work_item_key = records_with_state_changes.work_item_key

    left join audited_records
        on incidents.work_item_key = audited_records.work_item_key

    left join audited_tables
        on incidents.table_name = audited_tables.table_name

),

inbox as (

    select
        work_item_key,
        raw_environment,
        has_known_start,
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

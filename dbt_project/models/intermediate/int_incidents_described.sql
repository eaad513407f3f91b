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

services as (

    select * from {{ ref('stg_servicenow__services') }}

),

final as (

    select
        incidents.work_item_key,
        services.name as service_name,
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

    left join services
        on coalesce(incidents.business_service, incidents.cmdb_ci) = services.service_id

)

select * from final

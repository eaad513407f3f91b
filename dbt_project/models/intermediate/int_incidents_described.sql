with

incidents as (

    select * from {{ ref('stg_servicenow__tasks') }}
    where table_name = 'incident'

),

histories as (

    select * from {{ ref('int_servicenow_histories') }}

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
        histories.reassignment_count,
        incidents.reopen_count,
        incidents.made_sla,
        incidents.caused_by

    from incidents

    left join histories
        on incidents.work_item_key = histories.work_item_key

    left join services
        on coalesce(incidents.business_service, incidents.cmdb_ci) = services.service_id

)

select * from final

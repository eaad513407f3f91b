{{ config(severity='warn') }}

-- What an incident is about may be a server and no service: then its deployment is never found.
select
    items.source_system,
    items.scope,
    case
        when coalesce(records.business_service, records.cmdb_ci) <> ''
            then 'whose configuration item is no service'
        else 'that name no service'
    end as what,
    count(*) as incidents

from {{ ref('dim_work_items') }} as items

left join {{ ref('stg_servicenow__tasks') }} as records
    on items.work_item_key = records.work_item_key

where items.is_current and items.item_kind = 'incident' and items.service_key = 'unassigned'

group by 1, 2, 3

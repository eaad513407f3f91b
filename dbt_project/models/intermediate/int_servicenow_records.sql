with

tasks as (

    select * from {{ ref('stg_servicenow__tasks') }}
    where table_name in ('incident', 'change_request', 'problem', 'sc_req_item', 'rm_story')

),

all_tasks as (

    select * from {{ ref('stg_servicenow__tasks') }}

),

groups as (

    select * from {{ ref('stg_servicenow__groups') }}

),

services as (

    select * from {{ ref('stg_servicenow__services') }}

),

labels as (

    select * from {{ ref('int_servicenow_state_labels') }}

),

tombstones as (

    select
        sys_id,
        max(gone_at) as gone_at

    from {{ ref('stg_servicenow__tombstones') }}

    where state in ('deleted', 'moved')

    group by 1

),

-- Where nobody recorded a creation, a record exists from its first recorded change on.
first_audits as (

    select
        work_item_key,
        min(changed_at) as changed_at

    from {{ ref('stg_servicenow__audits') }}

    group by 1

),

-- Whose states are audited, so that the reason of each hold is too.
audited as (

    select distinct work_item_key

    from {{ ref('stg_servicenow__audits') }}

    where field in ('state', 'incident_state', 'problem_state')

),

-- A record that changed its class stays in the table that it was read from first; the newer counts.
reclassified as (

    select
        sys_id,
        max(updated_at) as updated_at

    from all_tasks

    group by 1

    having count(*) > 1

),

final as (

    select
        tasks.work_item_key,
        'servicenow' as source_system,
        tasks.sys_id as source_id,
        tasks.number as item_key,
        case tasks.table_name
            when 'sc_req_item' then 'request'
            when 'rm_story' then 'issue'
            else tasks.table_name
        end as item_kind,
        coalesce(groups.name, split_part(tasks.work_item_key, ':', 2)) as scope,
        case tasks.table_name
            when 'incident' then 'Incident'
            when 'problem' then 'Problem'
            when 'sc_req_item' then 'Request'
            when 'rm_story' then 'Story'
            else coalesce(tasks.task_type, 'unknown')
        end as raw_type,
        false as is_subtask,
        tasks.priority,
        tasks.points,
        parents.work_item_key as parent_work_item_key,
        groups.name as team_name,
        coalesce(services.name, items.name) as service_name,
        coalesce(holds.label, labels.label, tasks.state) as source_status,
        cast(null as varchar) as initial_status,
        coalesce(tasks.opened_at, tasks.created_at) is not null as has_recorded_creation,
        coalesce(
            tasks.opened_at, tasks.created_at, first_audits.changed_at,
            tasks.updated_at, {{ as_of() }}
        ) as created_at,
        tasks.updated_at,
        coalesce(tasks.resolved_at, tasks.closed_at) as ended_at,
        case
            when tasks.updated_at < reclassified.updated_at
                then coalesce(tombstones.gone_at, reclassified.updated_at)
            when reclassified.sys_id is null then tombstones.gone_at
        end as deleted_at

    from tasks

    left join groups
        on tasks.assignment_group = groups.group_id

    left join services
        on tasks.business_service = services.service_id

    left join services as items
        on tasks.cmdb_ci = items.service_id

    left join labels
        on tasks.state = labels.value and tasks.class_name = labels.class_name

    left join audited
        on tasks.work_item_key = audited.work_item_key

    left join labels as holds
        on
            case
                when audited.work_item_key is not null
                    then tasks.state || '/' || tasks.hold_reason
            end = holds.value
            and tasks.class_name = holds.class_name

    left join first_audits
        on tasks.work_item_key = first_audits.work_item_key

    left join tombstones
        on tasks.sys_id = tombstones.sys_id

    left join reclassified
        on tasks.sys_id = reclassified.sys_id

    left join tasks as parents
        on
            tasks.parent = parents.sys_id
            and tasks.work_item_key <> parents.work_item_key
            and not exists (
                select 1 from reclassified as other
                where other.sys_id = parents.sys_id and parents.updated_at < other.updated_at
            )

)

select * from final

with

task_slas as (

    select * from {{ ref('stg_servicenow__task_slas') }}
    where started_at <= {{ as_of() }}

),

definitions as (

    select * from {{ ref('stg_servicenow__sla_definitions') }}

),

records as (

    select * from {{ ref('int_servicenow_records') }}

),

tombstones as (

    select * from {{ ref('stg_servicenow__tombstones') }}
    where raw_table = 'task_slas' and state = 'deleted'

),

-- As of a moment: what ends later still runs, and breaks when the agreed time is over.
placed as (

    select
        task_slas.*,
        coalesce(
            task_slas.ended_at > {{ as_of() }},
            task_slas.is_active,
            task_slas.ended_at is null
        ) as is_running,
        least(coalesce(task_slas.ended_at, {{ as_of() }}), {{ as_of() }}) as until_at

    from task_slas

    where
        not exists (
            select 1 from tombstones
            where tombstones.sys_id = task_slas.task_sla_id
        )

),

final as (

    select
        'servicenow:task_sla:' || placed.task_sla_id as task_sla_key,
        records.work_item_key,
        'servicenow:task:' || placed.task_id as source_task_key,
        definitions.name as agreement,
        coalesce(definitions.target, 'unknown') as target,
        coalesce(definitions.sla_type, 'unknown') as agreement_type,
        case
            when lower(placed.stage) = 'cancelled' and not placed.is_running then 'cancelled'
            when
                case
                    when placed.is_running
                        then
                            placed.planned_end_at <= {{ as_of() }}
                            and lower(placed.stage) <> 'paused'
                            or coalesce(placed.has_breached, false)
                            and placed.planned_end_at <= {{ as_of() }}
                    else coalesce(placed.has_breached, false)
                end
                then 'breached'
            when placed.is_running then 'running'
            else 'met'
        end as outcome,
        placed.is_running,
        definitions.target_s,
        {{ seconds_between('placed.started_at', 'placed.until_at') }} as elapsed_s,
        case when not placed.is_running then placed.duration_s end as counted_s,
        case when not placed.is_running then placed.business_duration_s end as counted_business_s,
        case when not placed.is_running then placed.pause_duration_s end as paused_s,
        placed.started_at,
        placed.planned_end_at,
        case when not placed.is_running then placed.ended_at end as ended_at

    from placed

    left join definitions
        on placed.sla_id = definitions.sla_id

    left join records
        on placed.task_id = records.source_id and records.deleted_at is null

)

select * from final

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

-- As of a moment: what ends later still runs.
placed as (

    select
        task_slas.*,
        coalesce(
            task_slas.ended_at > {{ as_of() }},
            task_slas.is_active,
            task_slas.ended_at is null
        ) as is_running,
        case when task_slas.ended_at <= {{ as_of() }} then task_slas.ended_at end as over_at

    from task_slas

    where
        not exists (
            select 1 from tombstones
            where tombstones.sys_id = task_slas.task_sla_id
        )

),

-- A running one breaks when the agreed time is over, unless its clock stands still. Of one that
-- has ended the source says whether it is broken; where it does not, the times say so.
judged as (

    select
        *,
        case
            when is_running
                then
                    coalesce(planned_end_at <= {{ as_of() }}, false)
                    and (coalesce(lower(stage), '') <> 'paused' or coalesce(has_breached, false))
            else coalesce(has_breached, over_at > planned_end_at)
        end as is_broken

    from placed

),

final as (

    select
        'servicenow:task_sla:' || judged.task_sla_id as task_sla_key,
        records.work_item_key,
        'servicenow:task:' || judged.task_id as source_task_key,
        definitions.name as agreement,
        coalesce(definitions.target, 'unknown') as target,
        coalesce(definitions.sla_type, 'unknown') as agreement_type,
        case
            when not judged.is_running and lower(judged.stage) = 'cancelled' then 'cancelled'
            when judged.is_broken then 'breached'
            when judged.is_running then 'running'
            when not judged.is_broken then 'met'
            else 'unknown'
        end as outcome,
        judged.is_running,
        definitions.target_s,
        {{ seconds_between(
            'judged.started_at',
            'case when judged.is_running then ' ~ as_of() ~ ' else judged.over_at end'
        ) }} as elapsed_s,
        case when not judged.is_running then judged.duration_s end as counted_s,
        case when not judged.is_running then judged.business_duration_s end as counted_business_s,
        case when not judged.is_running then judged.pause_duration_s end as paused_s,
        judged.started_at,
        judged.planned_end_at,
        case
            when judged.is_broken
                then least(
                    coalesce(judged.planned_end_at, judged.over_at),
                    coalesce(judged.over_at, judged.planned_end_at)
                )
        end as breached_at,
        judged.over_at as ended_at

    from judged

    left join definitions
        on judged.sla_id = definitions.sla_id

    left join records
        on judged.task_id = records.source_id and records.deleted_at is null

)

select * from final

with

tasks as (

    select * from {{ ref('stg_servicenow__tasks') }}

),

state_changes as (

    select * from {{ ref('int_servicenow_state_changes') }}
    where changed_at <= {{ as_of() }}

),

history_checks as (

    select * from {{ ref('stg_servicenow__history_checks') }}

),

flags as (

    select * from {{ ref('int_servicenow_history_flags') }}

),

changes as (

    select
        work_item_key,
        max(history_source) as history_source,
        max(precision_s) as precision_s

    from state_changes

    group by 1

),

flagged as (

    select
        work_item_key,
        min(
            case history_quality
                when 'conflict' then 1
                when 'gap' then 2
                when 'snapshot_only' then 3
            end
        ) as worst,
        max(case when reason = 'times_to_the_minute' then 60 else 0 end) as coarse_s

    from flags

    group by 1

),

final as (

    select
        tasks.work_item_key,
        coalesce(
            changes.history_source,
            case when history_checks.work_item_key is not null then 'audit' else 'snapshot' end
        ) as history_source,
        case flagged.worst when 1 then 'conflict' when 2 then 'gap' when 3 then 'snapshot_only' end
            as history_quality,
        cast(greatest(coalesce(changes.precision_s, 1), coalesce(flagged.coarse_s, 0)) as bigint)
            as precision_s

    from tasks

    left join changes
        on tasks.work_item_key = changes.work_item_key

    left join history_checks
        on tasks.work_item_key = history_checks.work_item_key

    left join flagged
        on tasks.work_item_key = flagged.work_item_key

)

select * from final

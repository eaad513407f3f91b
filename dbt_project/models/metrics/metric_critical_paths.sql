with

work_items as (

    select * from {{ ref('dim_work_items') }}
    where is_current

),

known_steps as (

    select
        work_item_key,
        step_no,
        step_work_item_key,
        held_up_from_at,
        coalesce(begins_at, {{ as_of() }}) as begins_at,
        coalesce(ends_at, {{ as_of() }}) as ends_at

    from {{ ref('measure_critical_steps') }}

),

steps as (

    select
        *,
        {{ seconds_between('begins_at', 'ends_at') }} as step_s,
        case
            when held_up_from_at is null then 0
            when held_up_from_at > begins_at
                then {{ seconds_between('held_up_from_at', 'ends_at') }}
            else {{ seconds_between('begins_at', 'ends_at') }}
        end as held_up_s

    from known_steps

),

paths as (

    select
        work_item_key,
        count(*) as step_count,
        max(step_no) as last_step_no,
        sum(step_s) as path_s,
        sum(held_up_s) as path_held_up_s

    from steps

    group by 1

),

final as (

    select
        steps.work_item_key || '|' || cast(steps.step_no as varchar) as metric_critical_path_key,
        steps.work_item_key,
        epics.work_item_version_key,
        epics.value_stream_key,
        epics.level as epic_level,
        flows.outcome,
        steps.step_no,
        steps.step_work_item_key,
        step_items.value_stream_key as step_value_stream_key,
        step_items.level,
        cast(steps.step_s as bigint) as step_s,
        cast(steps.held_up_s as bigint) as held_up_s,
        paths.step_count,
        cast(paths.path_s as bigint) as path_s,
        cast(paths.path_held_up_s as bigint) as path_held_up_s,
        coalesce(step_items.parent_work_item_key = steps.work_item_key, false) as is_child,
        steps.step_no = paths.last_step_no as is_last_step,
        steps.begins_at,
        steps.ends_at

    from steps

    inner join paths
        on steps.work_item_key = paths.work_item_key

    inner join work_items as epics
        on steps.work_item_key = epics.work_item_key

    inner join {{ ref('fct_work_item_flows') }} as flows
        on steps.work_item_key = flows.work_item_key

    inner join work_items as step_items
        on steps.step_work_item_key = step_items.work_item_key

)

select * from final

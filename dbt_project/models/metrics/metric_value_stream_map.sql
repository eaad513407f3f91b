with

visits as (

    select
        visits.*,
        targets.wait_target_s,
        targets.active_target_s

    from {{ ref('measure_map_visits') }} as visits

    left join {{ ref('dim_stage_targets') }} as targets
        on
            visits.value_stream_key = targets.value_stream_key
            and visits.level = targets.level
            and visits.stage_key = targets.stage_key
            and {{ valid_at('targets', 'visits.month_start') }}

    where not visits.is_open

),

final as (

    select
        value_stream_key || '|' || level || '|' || stage_key || '|'
        || cast(month_start as varchar) as metric_value_stream_map_key,
        value_stream_key,
        workflow,
        level,
        stage_key,
        stage,
        flow_state,
        ordinal,
        count(distinct work_item_key) as items,
        count(*) as visits,
        count(case when is_rework then 1 end) as rework_visits,
        {{ percentile(0.5, 'wait_s') }} as wait_p50_s,
        {{ percentile(0.85, 'wait_s') }} as wait_p85_s,
        {{ percentile(0.5, 'active_s') }} as active_p50_s,
        {{ percentile(0.85, 'active_s') }} as active_p85_s,
        cast(sum(wait_s) as bigint) as wait_s,
        cast(sum(active_s) as bigint) as active_s,
        cast(count(case when is_rework then 1 end) as double) / count(*) as rework_share,
        wait_target_s,
        active_target_s,
        case
            when wait_target_s is not null
                then count(case when wait_s <= wait_target_s then 1 end)
        end as visits_within_wait_target,
        case
            when active_target_s is not null
                then count(case when active_s <= active_target_s then 1 end)
        end as visits_within_active_target,
        month_start < current_month as is_complete_period,
        month_start

    from visits

    group by
        value_stream_key, workflow, level, stage_key, stage, flow_state, ordinal,
        wait_target_s, active_target_s, current_month, month_start

)

select * from final

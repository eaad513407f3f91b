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
            and {{ valid_at('targets', as_of()) }}

),

counted as (

    select
        value_stream_key,
        workflow,
        level,
        stage_key,
        stage,
        flow_state,
        ordinal,
        wait_target_s,
        active_target_s,
        count(distinct case when not is_open then work_item_key end) as items,
        count(case when not is_open then 1 end) as visits,
        count(case when not is_open and is_rework then 1 end) as rework_visits,
        {{ percentile(0.5, 'case when not is_open then wait_s end') }} as wait_p50_s,
        {{ percentile(0.85, 'case when not is_open then wait_s end') }} as wait_p85_s,
        {{ percentile(0.5, 'case when not is_open then active_s end') }} as active_p50_s,
        {{ percentile(0.85, 'case when not is_open then active_s end') }} as active_p85_s,
        sum(case when is_open then 0 else wait_s end) as wait_s,
        sum(case when is_open then 0 else active_s end) as active_s,
        count(case when is_open then 1 end) as wip,
        sum(case when is_open then wait_s else 0 end) as open_wait_s,
        sum(case when is_open then active_s else 0 end) as open_active_s

    from visits

    group by 1, 2, 3, 4, 5, 6, 7, 8, 9

),

final as (

    select
        value_stream_key || '|' || level || '|' || stage_key as metric_value_stream_map_total_key,
        value_stream_key,
        workflow,
        level,
        stage_key,
        stage,
        flow_state,
        ordinal,
        items,
        visits,
        rework_visits,
        wait_p50_s,
        wait_p85_s,
        active_p50_s,
        active_p85_s,
        cast(wait_s as bigint) as wait_s,
        cast(active_s as bigint) as active_s,
        cast(rework_visits as double) / nullif(visits, 0) as rework_share,
        wait_target_s,
        active_target_s,
        wip,
        cast(open_wait_s as bigint) as open_wait_s,
        cast(open_active_s as bigint) as open_active_s

    from counted

)

select * from final

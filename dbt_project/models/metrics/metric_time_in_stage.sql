with

stays as (

    select
        work_items.value_stream_key,
        work_items.level,
        stages.workflow,
        stays.stage_key,
        stays.stage,
        stays.flow_state,
        stays.elapsed_s,
        stays.active_s,
        stays.wait_s,
        stays.blocked_s,
        stays.bounce_count,
        stays.is_rework,
        cast(
            date_trunc('week', {{ local_time('stays.exited_at', 'value_streams.time_zone') }})
            as date
        ) as week_start,
        cast(
            date_trunc('week', {{ local_time(as_of(), 'value_streams.time_zone') }}) as date
        ) as current_week

    from {{ ref('metric_stage_stays') }} as stays

    inner join {{ ref('dim_stages') }} as stages
        on stays.stage_key = stages.stage_key

    inner join {{ ref('dim_work_items') }} as work_items
        on stays.work_item_version_key = work_items.work_item_version_key

    inner join {{ ref('dim_value_streams') }} as value_streams
        on work_items.value_stream_key = value_streams.value_stream_key

    where stays.exited_at is not null and stays.flow_state not in ('done', 'cancelled')

),

final as (

    select
        value_stream_key || '|' || level || '|' || stage_key || '|'
        || cast(week_start as varchar) as metric_time_in_stage_key,
        value_stream_key,
        workflow,
        level,
        stage_key,
        stage,
        flow_state,
        count(*) as visits,
        {{ percentile(0.5, 'elapsed_s') }} as elapsed_p50_s,
        {{ percentile(0.85, 'elapsed_s') }} as elapsed_p85_s,
        cast(sum(elapsed_s) as bigint) as elapsed_s,
        cast(sum(active_s) as bigint) as active_s,
        cast(sum(wait_s) as bigint) as wait_s,
        cast(sum(blocked_s) as bigint) as blocked_s,
        count(case when is_rework then 1 end) as rework_visits,
        cast(sum(bounce_count) as bigint) as bounces,
        week_start < current_week as is_complete_period,
        week_start

    from stays

    group by
        value_stream_key, workflow, level, stage_key, stage, flow_state, week_start, current_week

)

select * from final

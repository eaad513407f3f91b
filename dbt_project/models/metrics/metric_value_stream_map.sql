with

visits as (

    select
        work_items.value_stream_key,
        stages.workflow,
        stages.ordinal,
        work_items.level,
        visits.*

    from {{ ref('fct_stage_visits') }} as visits

    inner join {{ ref('dim_work_items') }} as work_items
        on visits.work_item_version_key = work_items.work_item_version_key

    inner join {{ ref('dim_stages') }} as stages
        on visits.stage_key = stages.stage_key

    inner join {{ ref('fct_work_item_flows') }} as flows
        on visits.work_item_key = flows.work_item_key

    where
        visits.flow_state in ('wait', 'active')
        and (flows.outcome = 'done' or visits.is_open)

),

final as (

    select
        visits.value_stream_key || '|' || visits.level || '|' || visits.stage_key
            as metric_value_stream_map_key,
        visits.value_stream_key,
        visits.workflow,
        visits.level,
        visits.stage_key,
        visits.stage,
        visits.flow_state,
        visits.ordinal,
        count(case when not visits.is_open then 1 end) as visits,
        count(case when visits.is_open then 1 end) as wip,
        cast(percentile_disc(0.5) within group (order by visits.wait_s) as bigint) as wait_p50_s,
        cast(percentile_disc(0.85) within group (order by visits.wait_s) as bigint) as wait_p85_s,
        cast(percentile_disc(0.5) within group (order by visits.active_s) as bigint)
            as active_p50_s,
        cast(percentile_disc(0.85) within group (order by visits.active_s) as bigint)
            as active_p85_s,
        cast(sum(case when not visits.is_open then visits.wait_s else 0 end) as bigint) as wait_s,
        cast(sum(case when not visits.is_open then visits.active_s else 0 end) as bigint)
            as active_s,
        cast(count(case when visits.is_rework then 1 end) as double) / count(*) as rework_share

    from visits

    group by
        visits.value_stream_key, visits.workflow, visits.level, visits.stage_key, visits.stage,
        visits.flow_state, visits.ordinal

)

select * from final

with

links as (

    select
        blockers.value_stream_key as blocking_value_stream_key,
        items.value_stream_key,
        items.level,
        items.item_key,
        row_number() over (
            partition by blockers.value_stream_key, items.value_stream_key, items.level
            order by case when flows.outcome = 'open' then 0 else 1 end, items.item_key
        ) as row_num

    from (
        select distinct
            from_key,
            to_key
        from {{ ref('bridge_work_item_links') }}
        where link_type = 'blocks'
    ) as blocks

    inner join {{ ref('dim_work_items') }} as blockers
        on blocks.from_key = blockers.work_item_key and blockers.is_current

    inner join {{ ref('dim_work_items') }} as items
        on blocks.to_key = items.work_item_key and items.is_current

    inner join {{ ref('fct_work_item_flows') }} as flows
        on items.work_item_key = flows.work_item_key

),

evidence as (

    select
        blocking_value_stream_key,
        value_stream_key,
        level,
        {{ first_five('item_key', 'row_num') }} as evidence_items

    from links

    group by 1, 2, 3

),

waits as (

    select
        'waits' as part,
        cast(null as varchar) as epic,
        blocking_streams.name as blocking_value_stream,
        streams.name as value_stream,
        counted.level,
        counted.is_between_streams,
        counted.dependency_count as n,
        counted.dependent_items,
        counted.open_dependency_count as open_dependencies,
        counted.dated_dependency_count as dated_dependencies,
        cast(counted.dated_dependency_count as double) / nullif(counted.dependency_count, 0)
            as dated_share,
        counted.held_up_items,
        {{ days_of('counted.dependency_wait_s') }} as wait_days,
        {{ days_of('counted.dependency_wait_s') }} / nullif(counted.held_up_items, 0)
            as wait_mean_days,
        cast(null as double) as path_days,
        cast(null as timestamp) as path_ends_at,
        evidence.evidence_items

    from {{ ref('metric_dependencies') }} as counted

    inner join {{ ref('dim_value_streams') }} as blocking_streams
        on counted.blocking_value_stream_key = blocking_streams.value_stream_key

    inner join {{ ref('dim_value_streams') }} as streams
        on counted.value_stream_key = streams.value_stream_key

    left join evidence
        on
            counted.blocking_value_stream_key = evidence.blocking_value_stream_key
            and counted.value_stream_key = evidence.value_stream_key
            and counted.level = evidence.level

),

paths as (

    select
        'critical_path' as part,
        epics.item_key as epic,
        cast(null as varchar) as blocking_value_stream,
        streams.name as value_stream,
        steps.epic_level as level,
        max(
            case when steps.step_value_stream_key <> steps.value_stream_key then 1 else 0 end
        ) = 1 as is_between_streams,
        max(steps.step_count) as n,
        cast(null as bigint) as dependent_items,
        cast(null as bigint) as open_dependencies,
        cast(null as bigint) as dated_dependencies,
        cast(null as double) as dated_share,
        cast(null as bigint) as held_up_items,
        {{ days_of('max(steps.path_held_up_s)') }} as wait_days,
        cast(null as double) as wait_mean_days,
        {{ days_of('max(steps.path_s)') }} as path_days,
        max(steps.ends_at) as path_ends_at,
        {{ first_five('items.item_key', 'steps.step_no') }} as evidence_items

    from {{ ref('metric_critical_paths') }} as steps

    inner join {{ ref('dim_work_items') }} as epics
        on steps.work_item_version_key = epics.work_item_version_key

    inner join {{ ref('dim_work_items') }} as items
        on steps.step_work_item_key = items.work_item_key and items.is_current

    inner join {{ ref('dim_value_streams') }} as streams
        on steps.value_stream_key = streams.value_stream_key

    group by steps.work_item_key, 1, 2, 3, 4, 5

),

final as (

    select * from waits
    union all
    select * from paths

)

select * from final

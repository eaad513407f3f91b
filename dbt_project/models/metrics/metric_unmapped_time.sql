with

visits as (

    select * from {{ ref('fct_stage_visits') }}
    where not is_terminal

),

work_items as (

    select * from {{ ref('dim_work_items') }}

),

flows as (

    select * from {{ ref('fct_work_item_flows') }}

),

-- Of items of which only the end is known nobody can say where they were.
placed as (

    select
        work_items.value_stream_key,
        visits.work_item_key,
        visits.elapsed_s,
        case when visits.stage = 'unmapped' then visits.elapsed_s else 0 end as unmapped_s,
        visits.stage = 'unmapped' as is_unmapped

    from visits

    inner join work_items
        on visits.work_item_version_key = work_items.work_item_version_key

    inner join flows
        on visits.work_item_key = flows.work_item_key

    where flows.history_quality not in ('snapshot_only', 'truncated')

),

summed as (

    select
        value_stream_key,
        cast(sum(unmapped_s) as bigint) as unmapped_s,
        cast(sum(elapsed_s) as bigint) as elapsed_s,
        count(distinct case when is_unmapped then work_item_key end) as unmapped_items

    from placed

    group by 1

),

final as (

    select
        value_stream_key,
        unmapped_items,
        unmapped_s,
        elapsed_s,
        cast(unmapped_s as double) / nullif(elapsed_s, 0) as unmapped_share,
        unmapped_s > 0.01 * elapsed_s as is_marked

    from summed

)

select * from final

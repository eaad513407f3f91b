with

open_items as (

    select
        items.parent_work_item_key,
        items.workflow,
        items.level,
        items.item_key,
        row_number() over (
            partition by items.parent_work_item_key, items.workflow, items.level
            order by
                case when flows.started_at is null then 1 else 0 end, flows.created_at,
                items.item_key
        ) as row_num

    from {{ ref('dim_work_items') }} as items

    inner join {{ ref('fct_work_item_flows') }} as flows
        on items.work_item_key = flows.work_item_key

    where items.is_current and flows.outcome = 'open'

),

evidence as (

    select
        parent_work_item_key,
        workflow,
        level,
        {{ first_five('item_key', 'row_num') }} as evidence_items

    from open_items

    where parent_work_item_key is not null

    group by 1, 2, 3

),

record as (

    select
        value_stream_key,
        workflow,
        level,
        cast(count(*) as bigint) as backtests,
        cast(count(case when is_hit then 1 end) as bigint) as hits

    from {{ ref('metric_epic_backtests') }}

    where percentile = 85

    group by 1, 2, 3

),

final as (

    select
        streams.name as value_stream,
        items.item_key as epic,
        progress.epic_level,
        progress.workflow,
        progress.level,
        progress.outcome,
        progress.child_count - progress.cancelled_count as n,
        progress.done_count as done_items,
        progress.open_count as open_items,
        progress.started_count as started_items,
        progress.done_share,
        progress.points,
        progress.done_points,
        progress.done_p50_date,
        progress.done_p85_date,
        progress.done_p95_date,
        {{ days_between('progress.done_p50_date', 'progress.done_p95_date') }} as days_between,
        progress.no_forecast_reason as why_no_forecast,
        progress.window_done_count as finished_before,
        coalesce(record.backtests, 0) as backtests,
        coalesce(record.hits, 0) as hits,
        {{ share_interval('record.hits', 'record.backtests', 'low') }} as coverage_low_share,
        {{ share_interval('record.hits', 'record.backtests', 'high') }} as coverage_high_share,
        evidence.evidence_items,
        progress.origin_date as forecast_on

    from {{ ref('metric_epic_progress') }} as progress

    inner join {{ ref('dim_work_items') }} as items
        on progress.work_item_version_key = items.work_item_version_key

    inner join {{ ref('dim_value_streams') }} as streams
        on progress.value_stream_key = streams.value_stream_key

    left join evidence
        on
            progress.work_item_key = evidence.parent_work_item_key
            and progress.workflow = evidence.workflow
            and progress.level = evidence.level

    left join record
        on
            progress.value_stream_key = record.value_stream_key
            and progress.workflow = record.workflow
            and progress.level = record.level

)

select * from final

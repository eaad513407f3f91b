with

last_weeks as (

    select
        value_stream_key,
        workflow,
        level,
        max(week_start) as week_start

    from {{ ref('metric_constraint') }}

    where is_complete_period

    group by 1, 2, 3

),

visits as (

    select
        visits.value_stream_key,
        visits.level,
        visits.stage_key,
        visits.week_start,
        items.item_key,
        row_number() over (
            partition by visits.value_stream_key, visits.level, visits.stage_key, visits.week_start
            order by visits.queue_wait_s desc, items.item_key
        ) as row_num

    from {{ ref('metric_constraint_visits') }} as visits

    inner join {{ ref('dim_work_items') }} as items
        on visits.work_item_version_key = items.work_item_version_key

    where visits.was_queued

),

evidence as (

    select
        value_stream_key,
        level,
        stage_key,
        week_start,
        {{ first_five('item_key', 'row_num') }} as evidence_items

    from visits

    group by 1, 2, 3, 4

),

lines as (

    select
        stations.*,
        lead(stations.stage) over (
            partition by stations.value_stream_key, stations.workflow, stations.level
            order by stations.ordinal
        ) as next_stage

    from {{ ref('metric_constraint') }} as stations

    inner join last_weeks
        on
            stations.value_stream_key = last_weeks.value_stream_key
            and stations.workflow = last_weeks.workflow
            and stations.level = last_weeks.level
            and stations.week_start = last_weeks.week_start

    where not stations.is_gate

),

final as (

    select
        streams.name as value_stream,
        lines.workflow,
        lines.level,
        lines.stage,
        lines.next_stage as starved_stage,
        {{ days_of('lines.downstream_starved_s') }} as starved_days,
        lines.downstream_starved_share as starved_share,
        lines.is_starving_most,
        {{ days_of('lines.queue_wait_s') }} as queue_wait_days,
        {{ days_of('lines.queue_wait_mean_s') }} as queue_wait_mean_days,
        lines.queued_share,
        lines.served_visits as n,
        lines.insufficient_reason is null
        and lines.served_visits >= {{ var('constraint_visits') }} as is_known_well,
        evidence.evidence_items,
        lines.window_start,
        lines.week_start

    from lines

    inner join {{ ref('dim_value_streams') }} as streams
        on lines.value_stream_key = streams.value_stream_key

    left join evidence
        on
            lines.value_stream_key = evidence.value_stream_key
            and lines.level = evidence.level
            and lines.stage_key = evidence.stage_key
            and lines.week_start = evidence.week_start

    where lines.downstream_starved_s > 0

)

select * from final

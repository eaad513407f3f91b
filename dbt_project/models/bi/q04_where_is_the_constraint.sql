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

ranked as (

    select
        stations.*,
        row_number() over (
            partition by stations.value_stream_key, stations.workflow, stations.level
            order by stations.constraint_rank, stations.ordinal
        ) as row_num,
        lead(stations.stage) over (
            partition by stations.value_stream_key, stations.workflow, stations.level
            order by stations.constraint_rank, stations.ordinal
        ) as next_stage

    from {{ ref('metric_constraint') }} as stations

    inner join last_weeks
        on
            stations.value_stream_key = last_weeks.value_stream_key
            and stations.workflow = last_weeks.workflow
            and stations.level = last_weeks.level
            and stations.week_start = last_weeks.week_start

),

final as (

    select
        streams.name as value_stream,
        ranked.workflow,
        ranked.level,
        case when ranked.status = 'constraint' then ranked.stage end as constraint_stage,
        ranked.constraint_since as since,
        stages.stage as constraint_before,
        ranked.confidence,
        ranked.insufficient_reason as why_not_known,
        ranked.served_visits as n,
        ranked.scores_led,
        ranked.scores_known,
        {{ days_of('ranked.queue_wait_mean_s') }} as queue_wait_mean_days,
        ranked.queued_share,
        ranked.saturation,
        ranked.active_period_share,
        ranked.downstream_starved_share,
        case when ranked.status = 'constraint' then ranked.next_stage end as runner_up_stage,
        case when ranked.status = 'constraint' then evidence.evidence_items end as evidence_items,
        ranked.week_start

    from ranked

    inner join {{ ref('dim_value_streams') }} as streams
        on ranked.value_stream_key = streams.value_stream_key

    left join {{ ref('dim_stages') }} as stages
        on ranked.previous_stage_key = stages.stage_key

    left join evidence
        on
            ranked.value_stream_key = evidence.value_stream_key
            and ranked.level = evidence.level
            and ranked.stage_key = evidence.stage_key
            and ranked.week_start = evidence.week_start

    where ranked.row_num = 1

)

select * from final

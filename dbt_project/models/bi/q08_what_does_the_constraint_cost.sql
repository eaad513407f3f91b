with

constraints as (

    select
        value_stream_key,
        workflow,
        level,
        stage,
        ordinal,
        cast(date_trunc('month', week_start) as date) as month_start,
        row_number() over (
            partition by
                value_stream_key, workflow, level, cast(date_trunc('month', week_start) as date)
            order by week_start desc
        ) as row_num

    from {{ ref('metric_constraint') }}

    where status = 'constraint' and is_complete_period

),

stays as (

    select
        items.value_stream_key,
        items.level,
        visits.stage_key,
        cast(
            date_trunc('month', {{ local_time('visits.exited_at', 'streams.time_zone') }}) as date
        ) as month_start,
        items.item_key,
        row_number() over (
            partition by
                items.value_stream_key, items.level, visits.stage_key,
                cast(
                    date_trunc('month', {{ local_time('visits.exited_at', 'streams.time_zone') }})
                    as date
                )
            order by visits.wait_s desc, visits.stage_visit_key
        ) as row_num

    from {{ ref('fct_stage_visits') }} as visits

    inner join {{ ref('dim_work_items') }} as items
        on visits.work_item_version_key = items.work_item_version_key

    inner join {{ ref('dim_value_streams') }} as streams
        on items.value_stream_key = streams.value_stream_key

    where visits.wait_s > 0 and visits.exited_at is not null

),

evidence as (

    select
        value_stream_key,
        level,
        stage_key,
        month_start,
        {{ first_five('item_key', 'row_num') }} as evidence_items

    from stays

    group by 1, 2, 3, 4

),

final as (

    select
        streams.name as value_stream,
        losses.workflow,
        losses.level,
        losses.month_start,
        case when losses.loss_kind = 'waiting' then 'waiting' else 'blocked: ' || losses.reason end
            as cause,
        losses.stage,
        losses.source as told_by,
        constraints.stage as constraint_stage,
        case
            when constraints.stage is not null
                then
                    losses.stage = constraints.stage
                    or (
                        coalesce(stages.ordinal = constraints.ordinal - 1, false)
                        and stages.flow_state = 'wait'
                    )
        end as is_of_the_constraint,
        losses.loss_rank,
        losses.lost_item_days,
        losses.lost_share,
        losses.cumulative_lost_share,
        losses.delayed_items as n,
        losses.delayed_parents as delayed_epics,
        losses.cost_of_delay,
        losses.currency,
        evidence.evidence_items,
        losses.is_complete_period

    from {{ ref('metric_delay_pareto') }} as losses

    inner join {{ ref('dim_value_streams') }} as streams
        on losses.value_stream_key = streams.value_stream_key

    left join {{ ref('dim_stages') }} as stages
        on losses.stage_key = stages.stage_key

    left join constraints
        on
            losses.value_stream_key = constraints.value_stream_key
            and losses.workflow = constraints.workflow
            and losses.level = constraints.level
            and losses.month_start = constraints.month_start
            and constraints.row_num = 1

    left join evidence
        on
            losses.value_stream_key = evidence.value_stream_key
            and losses.level = evidence.level
            and losses.stage_key = evidence.stage_key
            and losses.month_start = evidence.month_start

)

select * from final

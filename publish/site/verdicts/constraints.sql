-- One row per value stream and kind of work: what is known of its constraint in the last complete
-- week.
with weeks as (
    select
        *,
        max(week_start) over (partition by value_stream_key) as last_week_start,
        count(distinct week_start) filter (where status = 'constraint') over (
            partition by value_stream_key, workflow, level, stage_key
        ) as weeks_ever
    from metrics.metric_constraint
    where is_complete_period
),

rivals as (
    select
        value_stream_key,
        workflow,
        level,
        arg_min(stage, constraint_rank) as rival
    from weeks
    where week_start = last_week_start and status = 'rival'
    group by value_stream_key, workflow, level
)

select
    weeks.value_stream_key as stream,
    weeks.workflow || '/' || weeks.level as work,
    weeks.status,
    weeks.insufficient_reason,
    replace(weeks.stage, '_', ' ') as stage,
    weeks.is_gate,
    weeks.confidence,
    weeks.scores_led,
    weeks.scores_known,
    weeks.served_visits,
    weeks.queued_visits,
    weeks.queue_wait_mean_s,
    weeks.queued_share,
    weeks.is_starving_most,
    weeks.constraint_since,
    replace(split_part(weeks.previous_stage_key, ':', 2), '_', ' ') as previous_stage,
    replace(rivals.rival, '_', ' ') as rival,
    weeks.window_start,
    weeks.week_start + 6 as window_end
from weeks
left join rivals using (value_stream_key, workflow, level)
where weeks.week_start = weeks.last_week_start and weeks.status <> 'rival'
qualify
    row_number() over (
        partition by weeks.value_stream_key, weeks.workflow, weeks.level
        order by weeks.served_visits desc, weeks.stage
    ) = 1
order by stream, weeks.status, weeks.served_visits desc, work

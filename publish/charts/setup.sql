-- What several pictures start from. A kind of work is a workflow at one level, so items of two levels
-- are never added up. A row of a `sliced_*` table counts for its value stream and for `all`.
-- No table of metrics has `all` nor this window: who counts where is as in metric_cycle_times,
-- metric_value_stream_map_totals and metric_aging_wip, and a test holds the rows to them.
create temp table finished as
select
    times.workflow || '/' || times.level as work,
    times.value_stream_key as stream,
    times.*
from metrics.metric_cycle_times as times
cross join moments
where times.finished_date >= moments.window_start and times.finished_date < moments.window_end;

create temp table sliced_finished as
select * replace (unnest([stream, 'all']) as stream) from finished;

-- A visit belongs to the value stream that the item was in, and to the attempt that it was part of:
-- of a finished item only the latest attempt finished it.
create temp table stages as
select
    stage_key,
    workflow,
    ordinal as position,
    upper(stage[1]) || replace(stage[2:], '_', ' ') as label
from marts.dim_stages;

create temp table visits as
select
    stages.workflow || '/' || versions.level as work,
    versions.value_stream_key as stream,
    stages.position,
    stages.label,
    attempts.is_latest
    and finished.work_item_key is not null
    and not visits.is_open as is_finished_in_window,
    attempts.started_at,
    attempts.outcome = 'done' and flows.outcome <> 'deleted' as is_of_done_attempt,
    visits.work_item_key,
    visits.attempt_no,
    visits.stage,
    visits.flow_state,
    visits.is_open,
    visits.is_rework,
    visits.wait_s,
    visits.active_s,
    visits.exited_at
from marts.fct_stage_visits as visits
inner join marts.fct_work_item_flows as flows on visits.work_item_key = flows.work_item_key
inner join marts.fct_flow_attempts as attempts
    on visits.work_item_key = attempts.work_item_key and visits.attempt_no = attempts.attempt_no
inner join marts.dim_work_items as versions
    on visits.work_item_version_key = versions.work_item_version_key
inner join stages on visits.stage_key = stages.stage_key
left join finished on visits.work_item_key = finished.work_item_key;

create temp view sliced_visits as
select * replace (unnest([stream, 'all']) as stream) from visits;

-- A refresh may read some of the sources: what is known of a source is its own last refresh.
create temp table audits as
select
    *,
    refresh_id = last_value(refresh_id) over (
        partition by source
        order by finished_at, refresh_id
        rows between unbounded preceding and unbounded following
    ) as is_last,
    status <> 'complete' or coalesce(acl_gap, 0) > 0 as is_gap
from meta.load_audits;

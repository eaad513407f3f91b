-- What several tables start from. A kind of work is a workflow at one level, so items of two levels
-- are never added up, and no row is of two value streams. No table of metrics has these ranges: who
-- counts where is as in metric_cycle_times, metric_value_stream_map_totals and metric_aging_wip,
-- and a test holds the rows to them.
create temp table finished as
select
    times.workflow || '/' || times.level as work,
    times.value_stream_key as stream,
    times.*
from metrics.metric_cycle_times as times
cross join (select min(window_start) as first_day, max(window_end) as end_day from ranges) as widest
where times.finished_date >= widest.first_day and times.finished_date < widest.end_day;

create temp view ranged_finished as
select
    finished.*,
    ranges.range
from finished
inner join ranges on finished.finished_date >= ranges.window_start;

-- A visit belongs to the value stream that the item was in, and to the attempt that it was part of:
-- of a finished item only the latest attempt finished it.
create temp table stages as
select
    stage_key,
    workflow,
    ordinal as position,
    stage,
    upper(stage[1]) || replace(stage[2:], '_', ' ') as label
from marts.dim_stages;

create temp table visits as
select
    stages.workflow || '/' || versions.level as work,
    versions.value_stream_key as stream,
    stages.position,
    stages.label,
    if(attempts.is_latest and not visits.is_open, finished.finished_date, null)
        as finished_date,
    attempts.started_at,
    attempts.outcome = 'done' and flows.outcome <> 'deleted' as is_of_done_attempt,
    visits.work_item_key,
    visits.attempt_no,
    visits.stage,
    visits.stage_key,
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

-- Finished visits, once per range that their item was finished in.
create temp view ranged_visits as
select
    visits.*,
    ranges.range
from visits
inner join ranges on visits.finished_date >= ranges.window_start;

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

-- The items as they are now, with the address of each in its tool where a publication has it.
create temp table items as
select
    work_item_key,
    item_key,
    item_url,
    workflow || '/' || level as work,
    value_stream_key as stream,
    work_type,
    current_status,
    parent_work_item_key,
    source_system,
    item_kind,
    is_deleted,
    created_at
from (
    select * from marts.dim_work_items where is_current
    union all by name
    select cast(null as varchar) as item_url where false
);

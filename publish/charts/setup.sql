-- What several pictures start from. A kind of work is a workflow at one level, so items of two levels
-- are never added up. A row of a `sliced_*` table counts for its value stream and for `all`.
create temp table finished as
select
    times.workflow || '/' || times.level as work,
    times.value_stream_key as stream,
    times.*
from metrics.metric_cycle_times as times
cross join moments
where times.finished_date >= moments.window_start;

create temp table sliced_finished as
select * replace (unnest([stream, 'all']) as stream) from finished;

create temp table sliced_visits as
select
    items.workflow || '/' || items.level as work,
    unnest([items.value_stream_key, 'all']) as stream,
    stages.ordinal as position,
    upper(visits.stage[1]) || replace(visits.stage[2:], '_', ' ') as label,
    finished.work_item_key is not null as is_finished_in_window,
    visits.*
from marts.fct_stage_visits as visits
inner join marts.dim_work_items as items
    on visits.work_item_key = items.work_item_key and items.is_current
inner join marts.dim_stages as stages on visits.stage_key = stages.stage_key
left join finished on visits.work_item_key = finished.work_item_key;

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

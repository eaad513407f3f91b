"""A published warehouse of eight hand-written items; every total in the tests was added up by hand.

As of Wednesday 2026-01-07 12:00. Stages of `software`: in_progress (active), waiting_review (wait),
review (active). PAY-1 took 1 d touch, 3 d wait, 1 d touch; PAY-2 2 d, 6 d, 2 d; SHOP-1 1 d, 1 d,
1 d and 1 d of rework. PAY-3 waits for review, HOSTILE is in progress, SHOP-3 is unmapped, SHOP-4
was done before the window, PAY-9 is an epic.
"""

import base64
import gzip
import json
import re
from pathlib import Path

import duckdb

HOSTILE = "</script><b>&'\"X-1</b>"

TABLES = """
create schema marts;
create schema metrics;
create schema meta;
create table marts.dim_value_streams (value_stream_key varchar, name varchar, kind varchar);
create table marts.dim_stages (
    stage_key varchar, workflow varchar, stage varchar, ordinal bigint, flow_state varchar
);
create table marts.dim_work_items (
    work_item_key varchar, work_item_version_key varchar, item_key varchar, workflow varchar,
    level varchar, work_type varchar, value_stream_key varchar, is_current boolean,
    source_system varchar default 'jira', item_kind varchar default 'issue',
    current_status varchar, parent_work_item_key varchar, is_deleted boolean default false,
    created_at timestamp default '2025-01-01', item_url varchar
);
create table marts.fct_flow_attempts (
    work_item_key varchar, attempt_no bigint, is_latest boolean, outcome varchar,
    started_at timestamp
);
create table marts.fct_work_item_flows (
    work_item_key varchar, started_at timestamp, last_done_at timestamp, outcome varchar
);
create table marts.fct_stage_visits (
    work_item_key varchar, work_item_version_key varchar, attempt_no bigint, visit_seq bigint,
    stage_key varchar, stage varchar, flow_state varchar, entered_at timestamp,
    exited_at timestamp, is_open boolean, is_rework boolean,
    elapsed_s bigint, active_s bigint, wait_s bigint
);
create table metrics.metric_cycle_times (
    work_item_key varchar, item_key varchar, value_stream_key varchar, workflow varchar,
    level varchar, work_type varchar, start_to_done_s bigint, active_s bigint, wait_s bigint,
    has_modelled_waits boolean, finished_date date
);
create table metrics.metric_aging_wip (
    work_item_key varchar, item_key varchar, value_stream_key varchar, workflow varchar,
    level varchar, work_type varchar, stage_key varchar, stage varchar, age_s bigint,
    stage_age_s bigint,
    pace_n bigint, pace_p50_s bigint, pace_p85_s bigint, pace_p95_s bigint, is_late boolean
);
create table metrics.metric_flow_totals (
    value_stream_key varchar, workflow varchar, level varchar,
    velocity bigint, is_complete_period boolean, week_start date
);
create table metrics.metric_throughput_xmr (
    value_stream_key varchar, workflow varchar, level varchar, week_start date, velocity bigint,
    centre double, lower_limit double, upper_limit double, signal varchar, is_signal boolean,
    baseline_start date, baseline_end date, baseline_n bigint,
    expected_false_alarm_share double, no_limits_reason varchar
);
create table metrics.metric_value_stream_map_totals (
    value_stream_key varchar, workflow varchar, level varchar, stage_key varchar,
    wait_target_s bigint, active_target_s bigint
);
create table metrics.metric_cumulative_flow (
    value_stream_key varchar, workflow varchar, level varchar, stage varchar, flow_state varchar,
    ordinal integer, date_day date, wip_by_stage bigint
);
create table metrics.metric_unmapped_time (
    value_stream_key varchar, unmapped_share double, is_marked boolean,
    unmapped_items bigint, unmapped_s bigint, elapsed_s bigint
);
create table meta.refreshes (refresh_id varchar, as_of timestamp);
create table meta.load_audits (
    refresh_id varchar, source varchar, object varchar, scope varchar, loaded bigint,
    acl_gap bigint, status varchar, message varchar, finished_at timestamp
);
"""

ROWS = f"""
insert into marts.dim_value_streams values
('payments', 'Payments', 'core'), ('storefront', 'Storefront', 'core');

insert into marts.dim_stages values
('software:unmapped', 'software', 'unmapped', 0, 'wait'),
('software:in_progress', 'software', 'in_progress', 3, 'active'),
('software:waiting_review', 'software', 'waiting_review', 4, 'wait'),
('software:review', 'software', 'review', 5, 'active'),
('software:done', 'software', 'done', 9, 'done'),
('epic:in_progress', 'epic', 'in_progress', 2, 'active'),
('epic:done', 'epic', 'done', 3, 'done');

insert into marts.dim_work_items (
    work_item_key, work_item_version_key, item_key, workflow, level, work_type, value_stream_key,
    is_current
) values
('jira:1', 'jira:1@now', 'PAY-1', 'software', 'story', 'feature', 'payments', true),
('jira:1', 'jira:1@then', 'OLD-1', 'software', 'story', 'feature', 'storefront', false),
('jira:2', 'jira:2@now', 'PAY-2', 'software', 'story', 'defect', 'payments', true),
('jira:3', 'jira:3@now', 'PAY-3', 'software', 'story', 'feature', 'payments', true),
('jira:9', 'jira:9@now', 'PAY-9', 'epic', 'epic', 'feature', 'payments', true),
('jira:11', 'jira:11@now', 'SHOP-1', 'software', 'story', 'feature', 'storefront', true),
('jira:12', 'jira:12@now', '{HOSTILE.replace("'", "''")}', 'software', 'story', 'debt',
 'storefront', true),
('jira:13', 'jira:13@now', 'SHOP-3', 'software', 'story', 'feature', 'storefront', true),
('jira:14', 'jira:14@now', 'SHOP-4', 'software', 'story', 'feature', 'storefront', true);

update marts.dim_work_items
set item_url = case item_key
    when 'PAY-1' then 'https://tickets.example/browse/PAY-1'
    when 'PAY-2' then 'javascript:alert(1)'
end;

insert into metrics.metric_value_stream_map_totals values
('payments', 'software', 'story', 'software:waiting_review', 2 * 86400, null);

insert into marts.fct_work_item_flows values
('jira:1', '2025-12-01', '2025-12-06', 'done'),
('jira:2', '2025-12-10', '2025-12-20', 'done'),
('jira:3', '2026-01-02 12:00', null, 'open'),
('jira:9', '2025-11-22', '2025-12-22', 'done'),
('jira:11', '2025-12-15', '2025-12-19', 'done'),
('jira:12', '2026-01-06 12:00', null, 'open'),
('jira:13', null, null, 'open'),
('jira:14', '2025-05-27', '2025-06-01', 'done');

insert into marts.fct_flow_attempts
select work_item_key, 1, true, outcome, started_at from marts.fct_work_item_flows;

insert into marts.fct_stage_visits
select
    item, item || '@now', 1, seq, stage_key, stage, flow_state, entered, exited,
    exited is null and flow_state <> 'done', is_rework, days * 86400,
    if(flow_state = 'active', days, 0) * 86400, if(flow_state = 'wait', days, 0) * 86400
from (
    values
    ('jira:1', 1, 'software:in_progress', '2025-12-01', '2025-12-02', false, 1),
    ('jira:1', 2, 'software:waiting_review', '2025-12-02', '2025-12-05', false, 3),
    ('jira:1', 3, 'software:review', '2025-12-05', '2025-12-06', false, 1),
    ('jira:1', 4, 'software:done', '2025-12-06', null, false, null),
    ('jira:2', 1, 'software:in_progress', '2025-12-10', '2025-12-12', false, 2),
    ('jira:2', 2, 'software:waiting_review', '2025-12-12', '2025-12-18', false, 6),
    ('jira:2', 3, 'software:review', '2025-12-18', '2025-12-20', false, 2),
    ('jira:2', 4, 'software:done', '2025-12-20', null, false, null),
    ('jira:3', 1, 'software:in_progress', '2026-01-02 12:00', '2026-01-03 12:00', false, 1),
    ('jira:3', 2, 'software:waiting_review', '2026-01-03 12:00', null, false, 4),
    ('jira:9', 1, 'epic:in_progress', '2025-11-22', '2025-12-22', false, 30),
    ('jira:9', 2, 'epic:done', '2025-12-22', null, false, null),
    ('jira:11', 1, 'software:in_progress', '2025-12-15', '2025-12-16', false, 1),
    ('jira:11', 2, 'software:waiting_review', '2025-12-16', '2025-12-17', false, 1),
    ('jira:11', 3, 'software:review', '2025-12-17', '2025-12-18', false, 1),
    ('jira:11', 4, 'software:in_progress', '2025-12-18', '2025-12-19', true, 1),
    ('jira:11', 5, 'software:done', '2025-12-19', null, false, null),
    ('jira:12', 1, 'software:in_progress', '2026-01-06 12:00', null, false, 1),
    ('jira:13', 1, 'software:unmapped', '2026-01-05 12:00', null, false, 2),
    ('jira:14', 1, 'software:in_progress', '2025-05-27', '2025-06-01', false, 5),
    ('jira:14', 2, 'software:done', '2025-06-01', null, false, null)
) as visits (item, seq, stage_key, entered, exited, is_rework, days)
inner join marts.dim_stages as stages using (stage_key);

insert into metrics.metric_cycle_times values
('jira:1', 'PAY-1', 'payments', 'software', 'story', 'feature', 5 * 86400, 2 * 86400, 3 * 86400,
 true, '2025-12-06'),
('jira:2', 'PAY-2', 'payments', 'software', 'story', 'defect', 10 * 86400, 4 * 86400, 6 * 86400,
 true, '2025-12-20'),
('jira:9', 'PAY-9', 'payments', 'epic', 'epic', 'feature', 30 * 86400, 30 * 86400, 0,
 false, '2025-12-22'),
('jira:11', 'SHOP-1', 'storefront', 'software', 'story', 'feature', 4 * 86400, 3 * 86400,
 1 * 86400, true, '2025-12-19'),
('jira:14', 'SHOP-4', 'storefront', 'software', 'story', 'feature', 5 * 86400, 5 * 86400, 0,
 true, '2025-06-01');

insert into metrics.metric_aging_wip values
('jira:3', 'PAY-3', 'payments', 'software', 'story', 'feature', 'software:waiting_review',
 'waiting_review', 5 * 86400, 4 * 86400, 20, 4 * 86400, 8 * 86400, 8 * 86400, false),
('jira:12', '{HOSTILE.replace("'", "''")}', 'storefront', 'software', 'story', 'debt',
 'software:in_progress', 'in_progress', 1 * 86400, 1 * 86400, 3, null, null, null, null);

insert into metrics.metric_flow_totals
select stream, workflow, level, velocity, week <> '2026-01-05', week
from (
    values
    ('payments', 'software', 'story', 1, date '2025-12-01'),
    ('storefront', 'software', 'story', 0, '2025-12-01'),
    ('payments', 'software', 'story', 0, '2025-12-08'),
    ('payments', 'software', 'story', 1, '2025-12-15'),
    ('storefront', 'software', 'story', 1, '2025-12-15'),
    ('payments', 'epic', 'epic', 1, '2025-12-22'),
    ('payments', 'software', 'story', 0, '2025-12-29'),
    ('storefront', 'software', 'story', 0, '2025-12-29'),
    ('payments', 'software', 'story', 0, '2026-01-05'),
    ('storefront', 'software', 'story', 1, '2025-05-26')
) as weeks (stream, workflow, level, velocity, week);

insert into metrics.metric_cumulative_flow
select stream, 'software', 'story', days.stage, stages.flow_state, stages.ordinal, day, items
from (
    values
    ('storefront', 'done', date '2025-07-06', 1),
    ('payments', 'done', '2025-07-06', 0),
    ('payments', 'waiting_review', '2025-07-06', 7),
    ('payments', 'in_progress', '2026-01-05', 0),
    ('payments', 'waiting_review', '2026-01-05', 1),
    ('payments', 'review', '2026-01-05', 0),
    ('payments', 'done', '2026-01-05', 2),
    ('storefront', 'in_progress', '2026-01-05', 0),
    ('storefront', 'done', '2026-01-05', 2),
    ('payments', 'waiting_review', '2026-01-06', 1),
    ('payments', 'done', '2026-01-06', 2),
    ('storefront', 'in_progress', '2026-01-06', 1),
    ('storefront', 'done', '2026-01-06', 2)
) as days (stream, stage, day, items)
inner join marts.dim_stages as stages on stages.stage_key = 'software:' || days.stage;

insert into metrics.metric_unmapped_time values
    ('payments', 0.009, false, 1, 9, 1000), ('storefront', 0.25, true, 1, 25, 100);
insert into meta.refreshes values ('refresh-2', '2026-01-07 12:00');

insert into meta.load_audits values
('refresh-1', 'jira', 'issues', 'PAY', 0, 0, 'failed', 'an old fault', '2026-01-06 06:00'),
('refresh-2', 'jira', 'issues', 'PAY', 5, 0, 'complete', null, '2026-01-07 06:00'),
('refresh-2', 'jira', 'issues', 'SHOP', 4, 0, 'complete', null, '2026-01-07 06:01'),
('refresh-2', 'servicenow', 'audits', 'incident', 0, 12, 'incomplete', 'role <itil> is missing',
 '2026-01-07 06:02');
"""


VERSION = ", work_item_version_key || '/' || copy as work_item_version_key"
COPIED = {
    "marts.dim_work_items": VERSION, "marts.fct_work_item_flows": "",
    "marts.fct_flow_attempts": "", "marts.fct_stage_visits": VERSION,
    "metrics.metric_cycle_times": "",
}  # fmt: skip


def write_published_file(path: Path, *, is_empty: bool = False, times: int = 1) -> Path:
    """Write the file and return its path; without rows when `is_empty`, with every item `times`."""
    with duckdb.connect(str(path)) as connection:
        connection.execute(TABLES)
        if not is_empty:
            connection.execute(ROWS)
            for table, more in COPIED.items():
                connection.execute(
                    f"insert into {table} select items.* replace (work_item_key || '/' || copy"
                    f" as work_item_key{more}) from {table} as items,"
                    f" range(1, {times}) as copies (copy)"
                )
    return path


def embedded_text(html: str) -> str:
    """Return the data of a report as the JSON that its script unpacks."""
    embedded = re.search(r'<script type="application/gzip" id="data">([\w+/=]+)</script>', html)
    assert embedded
    return gzip.decompress(base64.b64decode(embedded.group(1))).decode()


def embedded_data(html: str) -> dict:
    """Return the data of a report."""
    return json.loads(embedded_text(html))

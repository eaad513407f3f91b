"""Breaks one rule of the models at a time and looks whether a test notices: `make mutate`.

Every mutation is a textual edit of one model in a scratch copy of the project. The golden items
are built with it; either an invariant fails, or a golden case does. A mutation that nothing
notices, or that does not even compile, is a failure of this script.
"""

import argparse
import json
import shutil
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests import built
from tests.flow import golden, scratch

MARTS, METRICS, INTERMEDIATE = "models/marts", "models/metrics", "models/intermediate"
MEASURES, SIMULATIONS = "models/measures", "models/simulations/sim_forecasts.py"


@dataclass(frozen=True)
class Mutation:
    """One rule, broken.

    Attributes:
        rule: What is broken.
        path: The model, relative to the project.
        old: Text that stands there; all of its occurrences are replaced.
        new: What it becomes.
    """

    rule: str
    path: str
    old: str
    new: str


MUTATIONS = [
    Mutation(
        "the name of today wins over the recorded one",
        f"{INTERMEDIATE}/int_jira_changes.sql",
        "coalesce(names.name, resolved.name) as value", "resolved.name as value",
    ),
    Mutation(
        "an imported pair of id and name is known by its name",
        f"{INTERMEDIATE}/int_jira_names.sql",
        "foreign_pairs.id is not null as is_foreign", "false as is_foreign",
    ),
    Mutation(
        "a history whose ids join up to the present status has this site's ids",
        f"{INTERMEDIATE}/int_jira_names.sql",
        "where breaks = 0", "where breaks < 0",
    ),
    Mutation(
        "a status that a seed has by another of its names is that one",
        f"{INTERMEDIATE}/int_status_stages.sql",
        "on aliases.known_as = mapped_names.status",
        "on aliases.known_as = mapped_names.status and aliases.row_num = 1",
    ),
    Mutation(
        "a project's own status ends work where its category says so",
        f"{INTERMEDIATE}/int_status_stages.sql",
        "named.scope <> '*'\n                and named.category", "false and named.category",
    ),
    Mutation(
        "what is closed as not done is cancelled",
        f"{MARTS}/fct_stage_transitions.sql",
        "when stages.flow_state = 'done' and resolutions.resolution is not null",
        "when false and resolutions.resolution is not null",
    ),
    Mutation(
        "the resolution at the end of a stay counts",
        f"{MARTS}/fct_stage_transitions.sql",
        "coalesce(mapped.left_at, timestamp '9999-12-31')", "mapped.changed_at",
    ),
    Mutation(
        "a flag that was set at creation blocks",
        f"{INTERMEDIATE}/int_blocked_intervals.sql",
        "where issues.is_flagged and switches.work_item_key is null", "where false",
    ),
    Mutation(
        "the field that tells the points does so from its first change on",
        f"{INTERMEDIATE}/int_work_item_attribute_changes_unioned.sql",
        "or changed_at < used_since", "or changed_at < used_since or true",
    ),
    Mutation(
        "Jira's hierarchy says what lies above a story",
        f"{INTERMEDIATE}/int_work_types.sql",
        "issue_types.hierarchy_level = 1", "issue_types.hierarchy_level = 9",
    ),
    Mutation(
        "a key that an issue had is its own",
        f"{INTERMEDIATE}/int_jira_issue_keys.sql",
        "        rank_no = 3 as is_of_renamed_project\n\n    from ranked\n\n    where row_num = 1",
        "        rank_no = 3 as is_of_renamed_project\n\n    from ranked\n\n"
        "    where row_num = 1 and rank_no = 1",
    ),
    Mutation(
        "a commit that was pushed names what it implements",
        f"{MARTS}/bridge_work_item_links.sql",
        "inner join known_from as from_items", "inner join known as from_items",
    ),
    Mutation(
        "a branch that was merged by hand implements what its commits name",
        f"{INTERMEDIATE}/int_commits_brought.py",
        "                todo += parents[sha]\n", "",
    ),
    Mutation(
        "what nobody writes as a key is not called a project",
        f"{INTERMEDIATE}/int_work_item_links_unioned.sql",
        "when issue_keys.is_written_as_key then split", "when true then split",
    ),
    Mutation(
        "what a pull request says itself, its commit need not say again",
        f"{INTERMEDIATE}/int_work_item_links_unioned.sql",
        "where events.event = 'closed' and closings.work_item_key is null",
        "where events.event = 'closed'",
    ),
    Mutation(
        "a commit that closes an issue was there before the issue was closed",
        f"{INTERMEDIATE}/int_work_item_links_unioned.sql",
        "        'closing_commit' as method,\n        cast(1 as double) as confidence,\n"
        "        changes.begins_at as valid_from,",
        "        'closing_commit' as method,\n        cast(1 as double) as confidence,\n"
        "        events.happened_at as valid_from,",
    ),
    Mutation(
        "a renamed repository has its commits once",
        "models/staging/github/stg_github__commits.sql",
        "where repositories.full_name is not null or read_again.sha is null", "where true",
    ),
    Mutation(
        "what is done to an issue is told from the other one",
        f"{INTERMEDIATE}/int_work_item_links_unioned.sql",
        "coalesce(said.is_reversed, named.is_reversed, false)", "false",
    ),
    Mutation(
        "rework ends when the item is as far as before",
        f"{MARTS}/fct_stage_transitions.sql",
        "reached < high_water", "reached <= high_water",
    ),
    Mutation(
        "another attempt starts from nothing",
        f"{MARTS}/fct_stage_transitions.sql",
        "partition by work_item_key, attempt_no", "partition by work_item_key",
    ),
    Mutation(
        "thirty days are still the same attempt",
        f"{MARTS}/fct_stage_transitions.sql",
        "> {{ var('reopen_days') }} * 86400", ">= {{ var('reopen_days') }} * 86400",
    ),
    Mutation(
        "statuses of one stage are one visit",
        f"{MARTS}/fct_stage_transitions.sql",
        "where chained.from_stage is null or chained.from_stage <> chained.stage", "where true",
    ),
    Mutation(
        "an unmapped status is a stage of its own",
        f"{MARTS}/fct_stage_transitions.sql",
        "    left join stages\n        on\n            mapped.workflow",
        "    inner join stages\n        on\n            mapped.workflow",
    ),
    Mutation(
        "a mapping changes with the day of the value stream",
        f"{MARTS}/fct_stage_transitions.sql",
        "cast({{ local_time('transitions.changed_at', 'versions.time_zone') }} as date)",
        "cast(transitions.changed_at as date)",
    ),
    Mutation(
        "a mapping ends on the day before valid_to",
        f"{MARTS}/fct_stage_transitions.sql",
        "dated.changed_date < coalesce(status_stages.valid_to",
        "dated.changed_date <= coalesce(status_stages.valid_to",
    ),
    Mutation(
        "a parked item is as far as it was",
        f"{MARTS}/fct_stage_transitions.sql",
        "when to_stages.ordinal > 0 and to_stages.flow_state <> 'cancelled'",
        "when to_stages.flow_state <> 'cancelled'",
    ),
    Mutation(
        "the time as done before a reopening is a visit",
        f"{MARTS}/fct_stage_visits.sql",
        "stays.exited_at is null and stays.flow_state in ('done', 'cancelled') as is_terminal",
        "stays.flow_state in ('done', 'cancelled') as is_terminal",
    ),
    Mutation(
        "a terminal visit has no duration",
        f"{MARTS}/fct_stage_visits.sql",
        "    where not is_terminal\n\n    union all", "    where true\n\n    union all",
    ),
    Mutation(
        "two reasons block once",
        f"{MARTS}/fct_stage_visits.sql",
        "    {{ union_of_intervals('blocks', 'work_item_key') }}",
        "    select work_item_key, starts_at, ends_at from blocks",
    ),
    Mutation(
        "blocked time in an active stage is waiting",
        f"{MARTS}/fct_stage_visits.sql",
        "when ended.flow_state = 'active' then measured.elapsed_s - measured.blocked_s",
        "when ended.flow_state = 'active' then measured.elapsed_s",
    ),
    Mutation(
        "a flag in the backlog blocks nothing",
        f"{MARTS}/fct_blocked_intervals.sql",
        "stages.flow_state in ('wait', 'active') as is_in_flow",
        "stages.flow_state not in ('done', 'cancelled') as is_in_flow",
    ),
    Mutation(
        "a flag that is left on ends with the item",
        f"{MARTS}/fct_blocked_intervals.sql",
        "least(coalesce(blocks.blocked_to, timestamp '9999-12-31'), stretches.ends_at)",
        "coalesce(blocks.blocked_to, timestamp '9999-12-31')",
    ),
    Mutation(
        "whoever blocks another item does so until it has ended",
        f"{MARTS}/fct_blocked_intervals.sql",
        "stages.flow_state not in ('done', 'cancelled') as is_open", "true as is_open",
    ),
    Mutation(
        "what is deployed elsewhere is of no change request",
        f"{INTERMEDIATE}/int_deployments_placed.sql",
        "    where deployments.is_production\n", "",
    ),
    Mutation(
        "a deployment brought nothing that was merged later, whatever its tool says",
        f"{INTERMEDIATE}/int_changes_carried.sql",
        "    where deployments.finished_at >= changes.merged_at\n", "",
    ),
    Mutation(
        "what a history takes away first was there from the start",
        f"{INTERMEDIATE}/int_jira_version_spans.sql",
        "where numbered.switch_no = 1 and not numbered.is_on", "where false",
    ),
    Mutation(
        "a label says where a defect was found only if it says so",
        f"{INTERMEDIATE}/int_defect_texts.sql",
        "    where texts.is_scoped\n", "",
    ),
    Mutation(
        "a refusal takes back what the same person granted",
        f"{MARTS}/fct_approvals.sql",
        "change_request_key, deployment_id, sha", "change_request_key, sha",
    ),
    Mutation(
        "a status that means blocked is a block",
        f"{MARTS}/fct_blocked_intervals.sql",
        "    where is_blocked\n", "    where false\n",
    ),
    Mutation(
        "what starts and ends at once was not started",
        f"{MARTS}/fct_flow_attempts.sql",
        "                    and (is_open or elapsed_s > 0)\n", "",
    ),
    Mutation(
        "whoever is created beyond the boundary has started",
        f"{MARTS}/fct_flow_attempts.sql",
        "or stages.ordinal > boundaries.started_ordinal", "",
    ),
    Mutation(
        "an incident on hold has started, a blocked issue has not",
        f"{MARTS}/fct_flow_attempts.sql",
        "stages.is_started_boundary or", "stages.is_started_boundary or stages.ordinal = 0 or",
    ),
    Mutation(
        "an attempt belongs to who had it at its end",
        f"{MARTS}/fct_flow_attempts.sql",
        "'coalesce(endings.ended_at, ' ~ as_of() ~ ')'", "as_of()",
    ),
    Mutation(
        "work that is taken up again ages from then on",
        f"{MARTS}/fct_flow_attempts.sql",
        "case when endings.attempt_no > 1 then endings.begins_at end", "cast(null as timestamp)",
    ),
    Mutation(
        "a deleted item is neither done nor cancelled",
        f"{MARTS}/fct_flow_attempts.sql",
        "            when visits.stage = 'deleted' then 'deleted'\n", "",
    ),
    Mutation(
        "the time of a parent is a union",
        f"{MARTS}/fct_work_item_flows.sql",
        "    {{ union_of_intervals('child_times', 'parent_key') }}",
        "    select parent_key, starts_at, ends_at from child_times",
    ),
    Mutation(
        "a child counts for its parent while it has that one",
        f"{MARTS}/fct_work_item_flows.sql",
        "greatest(visits.entered_at, links.valid_from)", "visits.entered_at",
    ),
    Mutation(
        "time as done is a gap in the flow",
        f"{MARTS}/fct_work_item_flows.sql",
        "and not visits.is_end\n                    then visits.elapsed_s",
        "\n                    then visits.elapsed_s",
    ),
    Mutation(
        "ready is ready after the start",
        f"{MARTS}/fct_work_item_flows.sql",
        "visits.ordinal >= visits.ready_ordinal", "visits.ordinal >= visits.started_ordinal",
    ),
    Mutation(
        "waste is what was started and cancelled",
        f"{MARTS}/fct_work_item_flows.sql",
        "latest.outcome = 'cancelled' and starts.started_at is not null",
        "latest.outcome = 'cancelled'",
    ),
    Mutation(
        "value is there when the last change is deployed",
        f"{MARTS}/fct_work_item_flows.sql",
        "when count(changes.merged_at) = count(changes.deployed_at)\n", "when true\n",
    ),
    Mutation(
        "a holiday is no working day",
        f"{MARTS}/dim_calendars.sql",
        "hours.iso_weekday is not null and holidays.holiday_date is null",
        "hours.iso_weekday is not null",
    ),
    Mutation(
        "working hours are hours of the value stream",
        f"{MARTS}/dim_calendars.sql",
        "\"(cast(cast(date_day as varchar) || ' ' || work_start as timestamp))\", 'time_zone'",
        "\"(cast(cast(date_day as varchar) || ' ' || work_start as timestamp))\", \"'UTC'\"",
    ),
    Mutation(
        "the calendar reaches back to the day before the first item",
        f"{MARTS}/dim_dates.sql",
        "min(created_at) - interval '1' day", "min(created_at)",
    ),
    Mutation(
        "who owns a project changes on a day",
        f"{MARTS}/dim_work_items.sql",
        "            and {{ valid_at('scopes', 'pieces.valid_from') }}\n", "",
    ),
    Mutation(
        "whom a team works for changes on a day",
        f"{MARTS}/dim_work_items.sql",
        "            and {{ valid_at('teams', 'pieces.valid_from') }}\n", "",
    ),
    Mutation(
        "a project that changes hands makes another version",
        f"{MARTS}/dim_work_items.sql",
        "where changes_at > valid_from", "where changes_at < valid_from",
    ),
    Mutation(
        "a day belongs to the value stream's time zone",
        f"{MARTS}/fct_daily_flows.sql",
        "cast({{ local_time('happened_at', 'time_zone') }} as date)", "cast(happened_at as date)",
    ),
    Mutation(
        "who moves to another stream leaves the one before",
        f"{MARTS}/fct_group_stays.sql",
        "stays.is_wip and groups.valid_to < coalesce(",
        "false and groups.valid_to < coalesce(",
    ),
    Mutation(
        "a night shift ends on the next day",
        f"{MARTS}/dim_calendars.sql",
        "then date_day + interval '1' day", "then date_day",
    ),
    Mutation(
        "whoever is cancelled leaves the cumulative flow",
        f"{METRICS}/metric_cumulative_flow.sql",
        "stays.flow_state = 'cancelled'\n        or", "false\n        or",
    ),
    Mutation(
        "whoever moves away leaves the cumulative flow",
        f"{METRICS}/metric_cumulative_flow.sql",
        "stays.next_group <> stays", "stays.next_group = stays",
    ),
    Mutation(
        "a backlog is not in flow",
        f"{METRICS}/metric_wip.sql",
        "case when daily_flows.flow_state = 'new' then 0 else", "case when false then 0 else",
    ),
    Mutation(
        "fewer than twenty chosen points draw no limits",
        f"{METRICS}/metric_xmr.sql",
        "averages.baseline_n >= {{ var('xmr_baseline_points') }}", "averages.baseline_n >= 2",
    ),
    Mutation(
        "a week of a chart is a week of the value stream",
        f"{MEASURES}/measure_xmr_points.sql",
        "times.finished_date = dates.date_day", "cast(times.last_done_at as date) = dates.date_day",
    ),
    Mutation(
        "the teams of an item share it",
        f"{MARTS}/bridge_work_item_teams.sql",
        "cast(1 as double) / count(*) over (partition by work_item_key)", "cast(1 as double)",
    ),
    Mutation(
        "whoever was once a bot is one",
        f"{MARTS}/dim_people.sql",
        "then 'bot'", "then 'human'",
    ),
    Mutation(
        "a self-transition is no move",
        f"{INTERMEDIATE}/int_status_transitions.sql",
        "where is_deletion or to_status is distinct from previous_status", "where true",
    ),
    Mutation(
        "a drift is dated by the last update",
        f"{INTERMEDIATE}/int_status_transitions.sql",
        "greatest(work_items.updated_at, last_moves.changed_at)", "last_moves.changed_at",
    ),
    Mutation(
        "of a lost history no start is made up",
        f"{INTERMEDIATE}/int_status_transitions.sql",
        "when not coalesce(work_items.ended_at > work_items.created_at, false)",
        "when true",
    ),
    Mutation(
        "a gap in the history is flagged",
        f"{INTERMEDIATE}/int_status_transitions.sql",
        "coalesce(previous_status <> recorded_from_status, false) as is_gap", "false as is_gap",
    ),
    Mutation(
        "nothing happens before the creation",
        f"{INTERMEDIATE}/int_status_transitions.sql",
        "greatest(recorded_changes.changed_at, work_items.created_at) as changed_at",
        "recorded_changes.changed_at as changed_at",
    ),
    Mutation(
        "five moves in one second are in bulk",
        f"{INTERMEDIATE}/int_bulk_moves.sql",
        "having count(distinct work_item_key) >=", "having count(distinct work_item_key) >",
    ),
    Mutation(
        "a deleted item ends when that is seen",
        f"{INTERMEDIATE}/int_status_transitions.sql",
        "greatest(work_items.deleted_at, last_of.changed_at)", "last_of.changed_at",
    ),
    Mutation(
        "what is after as_of has not happened",
        f"{INTERMEDIATE}/int_status_changes_unioned.sql",
        "changed_at <= {{ as_of() }} as has_happened", "true as has_happened",
    ),
    Mutation(
        "an item without a creation exists from its first change on",
        f"{INTERMEDIATE}/int_work_items_unioned.sql",
        "issues.created_at, first_issue_changes.changed_at, issues.updated_at",
        "issues.created_at, issues.updated_at",
    ),
    Mutation(
        "an attribute has the value it had then",
        f"{INTERMEDIATE}/int_work_item_versions.sql",
        "coalesce(attributes_then.scope, work_items.scope)", "work_items.scope",
    ),
    Mutation(
        "a stay of a minute is no bounce",
        f"{METRICS}/metric_stage_stays.sql",
        "elapsed_s < {{ var('bounce_s') }}", "elapsed_s <= {{ var('bounce_s') }}",
    ),
    Mutation(
        "only what is done is throughput",
        f"{METRICS}/metric_cycle_times.sql",
        "where outcome = 'done'", "where outcome in ('done', 'cancelled', 'deleted')",
    ),
    Mutation(
        "percentiles are values of items",
        f"{MEASURES}/measure_flow_periods.sql",
        "{{ percentile(0.5, 'finishes.start_to_done_s') }}",
        "cast(percentile_cont(0.5) within group (order by finishes.start_to_done_s) as bigint)",
    ),
    Mutation(
        "the period of as_of is not complete",
        f"{MEASURES}/measure_flow_periods.sql",
        "grid.period_end < grid.last_day", "grid.period_end <= grid.last_day",
    ),
    Mutation(
        "whoever came to a stage passed those before it",
        f"{METRICS}/metric_cumulative_flow.sql",
        "and stays.position >= stages.ordinal", "and stays.position = stages.ordinal",
    ),
    Mutation(
        "limits come from the baseline alone",
        f"{METRICS}/metric_xmr.sql",
        "            and valued.week_end <= phases.baseline_end\n", "",
    ),
    Mutation(
        "limits are 2.66 mean ranges away",
        f"{METRICS}/metric_xmr.sql",
        "drawn_centre + 2.66", "drawn_centre + 3.0",
    ),
    Mutation(
        "limits of ranges are 3.268 mean ranges",
        f"{METRICS}/metric_xmr.sql",
        "3.268", "3.865",
    ),
    Mutation(
        "no count is expected below nothing",
        f"{METRICS}/metric_xmr.sql",
        "when metric = 'velocity' and drawn_centre < 2.66", "when false and drawn_centre < 2.66",
    ),
    Mutation(
        "one cause of an incident is counted",
        f"{MARTS}/bridge_incident_deployments.sql",
        "ranked.row_num = 1 as is_primary", "true as is_primary",
    ),
    Mutation(
        "what an incident says counts before what is guessed",
        f"{MARTS}/bridge_incident_deployments.sql",
        "order by confidence desc, finished_at desc, deployment_key",
        "order by finished_at desc, deployment_key",
    ),
    Mutation(
        "an incident long after a deployment is not its fault",
        f"{MARTS}/bridge_incident_deployments.sql",
        "< {{ var('incident_hours') }} * 3600", "< 10 * {{ var('incident_hours') }} * 3600",
    ),
    Mutation(
        "a rollback recovers what it takes back",
        f"{MARTS}/fct_deployments.sql",
        "when remedies.is_rollback then remedies.remedied_at", "when false then null",
    ),
    Mutation(
        "an open incident is not recovered from",
        f"{MARTS}/fct_deployments.sql",
        "when count(resolved_at) = count(*) then", "when true then",
    ),
    Mutation(
        "deployments that failed themselves are failed ones",
        f"{MARTS}/fct_deployments.sql",
        "then 'deployment_failed'",
        "then null",
    ),
    Mutation(
        "a deployed commit brings what was merged before it",
        f"{INTERMEDIATE}/int_changes_carried.sql",
        "range between unbounded preceding and current row",
        "range between current row and current row",
    ),
    Mutation(
        "a deployed branch was not the change before it was merged",
        f"{INTERMEDIATE}/int_changes_carried.sql",
        "by_head.finished_at >= changes.merged_at", "by_head.finished_at is not null",
    ),
    Mutation(
        "the first known deployment carries its own commit alone",
        f"{INTERMEDIATE}/int_commits_carried.py",
        "deployment if repository in begun else BEHIND_FIRST", "deployment",
    ),
    Mutation(
        "a service begins with its first merged change",
        "macros/metric_dora.sql",
        "from merged_changes\n    ) as events", "from merged_changes where false\n    ) as events",
    ),
    Mutation(
        "how often a longer baseline errs is not known",
        f"{METRICS}/metric_xmr.sql",
        "when baseline_n <> 20 then null", "when baseline_n < 20 then null",
    ),
    Mutation(
        "hotfixes are rework",
        "models/marts/fct_rollouts.sql",
        "is_rollback or is_hotfix", "is_rollback",
    ),
    Mutation(
        "the change fail rate is one of deployments that failed, too",
        "models/marts/fct_rollouts.sql",
        "deployments.release_deployment_key is not null", "deployments.result = 'success'",
    ),
    Mutation(
        "days on which nothing was finished are drawn too",
        SIMULATIONS,
        "return np.bincount(done[(done <= day) & (undone > day)], minlength=day + 1)",
        "return np.unique(done[(done <= day) & (undone > day)], return_counts=True)[1]",
    ),
    Mutation(
        "a day that goes on is not drawn",
        SIMULATIONS,
        "max(period_start) filter (is_complete_period)", "max(period_start)",
    ),
    Mutation(
        "a backtest knows what was known",
        SIMULATIONS,
        "(undone > day)", "(undone > 10**6)",
    ),
    Mutation(
        "what happened is counted after the origin",
        SIMULATIONS,
        "[today + 1 :]", "[today:]",
    ),
    Mutation(
        "what holidays took from a week of the window is given back",
        SIMULATIONS,
        "pace = at_full_work(window, then)", "pace = window",
    ),
    Mutation(
        "holidays ahead take their days from a week",
        SIMULATIONS,
        "shares).sum(axis=1) + NEARLY", "np.ones_like(shares)).sum(axis=1) + NEARLY",
    ),
    Mutation(
        "no date is a holiday",
        SIMULATIONS,
        "days[days == holiday] += 1", "days[days == holiday] += 0",
    ),
    Mutation(
        "a holiday on a free day costs nothing",
        f"{MEASURES}/measure_holidays.sql",
        "and extract(isodow from holidays.holiday_date) = weekdays.iso_weekday",
        "and weekdays.iso_weekday = 1",
    ),
    Mutation(
        "dates of epics know the holidays",
        "models/simulations/sim_epics.py",
        "so_far = np.cumsum(pace.sum(axis=1)[drawn] * ahead, axis=1)",
        "so_far = np.cumsum(pace.sum(axis=1)[drawn], axis=1)",
    ),
    Mutation(
        "more certainty is fewer items",
        SIMULATIONS,
        "100 - percentile for percentile", "percentile for percentile",
    ),
    Mutation(
        "what was waited for last is on the critical path",
        "models/measures/measure_critical_steps.py",
        "latest = max(", "latest = min(",
    ),
    Mutation(
        "of two that end at once the longer one is the critical path",
        "models/measures/measure_critical_steps.py",
        "return min(paths", "return max(paths",
    ),
    Mutation(
        "as many as forecast is a hit",
        f"{METRICS}/metric_forecast_backtests.sql",
        "actual >= value", "actual > value",
    ),
    Mutation(
        "eight in a row are a signal",
        f"{METRICS}/metric_xmr.sql",
        "run_length >= 8", "run_length >= 9",
    ),
    Mutation(
        "times are charted by their logarithms",
        f"{MEASURES}/measure_xmr_points.sql",
        "cast(ln(start_to_done_s / cast(3600 as double)) as decimal(18, 9))",
        "cast(start_to_done_s / cast(3600 as double) as decimal(18, 9))",
    ),
    Mutation(
        "weeks in which nothing was finished are points",
        f"{MEASURES}/measure_xmr_points.sql",
        "    left join measured", "    inner join measured",
    ),
    Mutation(
        "another baseline has other limits",
        f"{METRICS}/metric_xmr.sql",
        "valued.week_start >= coalesce(phases.applies_from, date '0001-01-01')",
        "phases.applies_from is null",
    ),
    Mutation(
        "the project that an issue came to first says where it is",
        f"{INTERMEDIATE}/int_github_issue_projects.sql",
        "order by sort_order, happened_at, order_id",
        "order by sort_order, project_id desc, order_id",
    ),
    Mutation(
        "a closed issue is closed, wherever its project has it",
        f"{INTERMEDIATE}/int_issue_status_changes.sql",
        "when state_no > 0 and last_state <> 'reopened' then last_state",
        "when false then last_state",
    ),
    Mutation(
        "an issue that is closed as not planned is cancelled",
        f"{INTERMEDIATE}/int_issue_events_unioned.sql",
        "when events.state_reason = 'not_planned'", "when events.state_reason = 'never'",
    ),
    Mutation(
        "what no timeline tells is known from what loads saw",
        f"{INTERMEDIATE}/int_issue_events_unioned.sql",
        "where not github_projects.has_status_history and", "where false and",
    ),
    Mutation(
        "a label that was taken away says nothing any more",
        f"{INTERMEDIATE}/int_issue_status_changes.sql",
        "max(case when removed = label then 1 else 0 end)", "max(0)",
    ),
    Mutation(
        "a renamed project is known by its id",
        f"{INTERMEDIATE}/int_work_item_attribute_changes_unioned.sql",
        "coalesce(from_project, split_part(from_key, '-', 1))", "split_part(from_key, '-', 1)",
    ),
    Mutation(
        "the keys of an issue tell of its move where no project does",
        f"{INTERMEDIATE}/int_work_item_attribute_changes_unioned.sql",
        "coalesce(from_project, split_part(from_key, '-', 1))", "from_project",
    ),
    Mutation(
        "a field is known by its id before its name",
        "models/staging/jira/stg_jira__issue_changes.sql",
        "lower(coalesce(item.fieldId, item.field))", "lower(item.field)",
    ),
    Mutation(
        "a custom field that is named like another one is not that",
        "models/staging/jira/stg_jira__issue_changes.sql",
        "when item.fieldtype = 'custom' or substr(item.fieldId, 1, 12) = 'customfield_'",
        "when false",
    ),
    Mutation(
        "programs do not acknowledge",
        f"{INTERMEDIATE}/int_servicenow_work.sql",
        "coalesce(actor_type, 'human') <> 'bot'", "true",
    ),
    Mutation(
        "who is taken away from an incident does not work on it",
        f"{INTERMEDIATE}/int_servicenow_work.sql",
        " and to_value is not null", "",
    ),
    Mutation(
        "a note is work",
        f"{INTERMEDIATE}/int_servicenow_work.sql",
        "or field = 'work_notes'", "",
    ),
    Mutation(
        "a reassignment to nobody is one",
        f"{INTERMEDIATE}/int_servicenow_reassignments.sql",
        "from_value is distinct from to_value", "from_value <> to_value",
    ),
    Mutation(
        "what is said later is not known yet",
        f"{INTERMEDIATE}/int_servicenow_fields_then.sql",
        "when next_changes.work_item_key is not null then next_changes.from_value", "",
    ),
    Mutation(
        "a clock that stands still does not break an agreement",
        f"{INTERMEDIATE}/int_task_slas_described.sql",
        "coalesce(lower(stage), '') <> 'paused'", "true",
    ),
    Mutation(
        "pauses are not counted in the time of an agreement",
        f"{INTERMEDIATE}/int_task_slas_described.sql",
        "then judged.duration_s end",
        "then judged.duration_s + judged.pause_duration_s end",
    ),
    Mutation(
        "the times judge where the source does not",
        f"{INTERMEDIATE}/int_task_slas_described.sql",
        "coalesce(has_breached, over_at > planned_end_at)", "coalesce(has_breached, false)",
    ),
    Mutation(
        "a wait for approval ends with the decision",
        f"{MARTS}/fct_change_requests.sql",
        "least(approval_requests.decided_at, visits.exited_at,", "least(visits.exited_at,",
    ),
    Mutation(
        "nobody waits for the approval of what has ended",
        f"{MARTS}/fct_change_requests.sql",
        "when visits.flow_state not in ('done', 'cancelled')", "when true",
    ),
    Mutation(
        "a link of Jira that was taken away has ended",
        f"{INTERMEDIATE}/int_jira_link_spans.sql",
        "case when is_on then next_at else changed_at end as valid_to",
        "case when not is_on then changed_at end as valid_to",
    ),
    Mutation(
        "a link of Jira is told by both of its ends",
        f"{INTERMEDIATE}/int_jira_link_spans.sql",
        "where was_on is null or is_on <> was_on", "where true",
    ),
    Mutation(
        "an issue that is blocked is the second end",
        f"{INTERMEDIATE}/int_jira_link_spans.sql",
        "when wordings.is_inward then issue_keys.work_item_key",
        "when false then issue_keys.work_item_key",
    ),
    Mutation(
        "of a link that both ends say alike neither is the first",
        f"{INTERMEDIATE}/int_jira_link_spans.sql",
        "coalesce(outward_wording = inward_wording, false) as is_mutual", "false as is_mutual",
    ),
    Mutation(
        "a link that an issue shows begins with its entry",
        f"{INTERMEDIATE}/int_work_item_links_unioned.sql",
        "        open_spans.valid_from,", "        cast(null as timestamp) as valid_from,",
    ),
    Mutation(
        "what an issue no longer shows was a link",
        f"{INTERMEDIATE}/int_work_item_links_unioned.sql",
        "where valid_to is not null\n", "where false\n",
    ),
    Mutation(
        "a block that both ends tell of begins once",
        f"{INTERMEDIATE}/int_github_blocks.sql",
        "where was_on is null or is_on <> was_on", "where true",
    ),
    Mutation(
        "who is blocking blocks",
        f"{INTERMEDIATE}/int_github_blocks.sql",
        "events.event in ('blocking_added', 'blocking_removed')", "events.event = 'nothing'",
    ),
    Mutation(
        "what stands six links behind an item stands behind it",
        f"{MARTS}/fct_traces.sql",
        "set steps = 6", "set steps = 5",
    ),
    Mutation(
        "what is farther than six links is no idea of an item",
        f"{MARTS}/fct_traces.sql",
        "set steps = 6", "set steps = 7",
    ),
    Mutation(
        "a parent of the past is no demand",
        f"{MARTS}/fct_traces.sql",
        "where {{ valid_at('links', as_of()) }}", "where true",
    ),
    Mutation(
        "who reported it before had the idea",
        f"{MARTS}/fct_traces.sql",
        "where link_type = 'duplicates'", "where false",
    ),
    Mutation(
        "a pull request is no idea",
        f"{MARTS}/fct_traces.sql",
        "when traced.item_kind = 'pull_request' or ideas.idea_at < traced.created_at",
        "when ideas.idea_at < traced.created_at",
    ),
    Mutation(
        "an item is as surely linked as the least sure of its changes",
        f"{MARTS}/fct_traces.sql",
        "order by changes_of_items.confidence, changes_of_items.method",
        "order by changes_of_items.confidence desc, changes_of_items.method",
    ),
    Mutation(
        "a build is a green run",
        f"{MARTS}/fct_traces.sql",
        "where result = 'success'", "where true",
    ),
    Mutation(
        "a commit of another repository is another commit",
        f"{MARTS}/fct_traces.sql",
        "changes.repository = builds.repository", "changes.repository > ''",
    ),
    Mutation(
        "an item is built when the last of its changes is",
        f"{MARTS}/fct_traces.sql",
        "then max(built_at) end as built_at", "then min(built_at) end as built_at",
    ),
    Mutation(
        "a false alarm is no incident of a trace",
        f"{MARTS}/fct_traces.sql",
        "where blamed.is_counted", "where true",
    ),
    Mutation(
        "an incident of another place of the release counts",
        f"{MARTS}/fct_traces.sql",
        "deployments.release_deployment_key,",
        "deployments.deployment_key as release_deployment_key,",
    ),
    Mutation(
        "a phase that runs backwards is null",
        f"{MARTS}/fct_traces.sql",
        "when {{ begins }} <= {{ ends }}", "when {{ ends }} is not null",
    ),
    Mutation(
        "a phase without length does not run backwards",
        f"{MARTS}/fct_traces.sql",
        "case when {{ ends }} < {{ begins }} then", "case when {{ ends }} <= {{ begins }} then",
    ),
    Mutation(
        "coverage is of the month in which the item was finished",
        f"{METRICS}/metric_trace_coverage.sql",
        "finished.finished_date", "traces.idea_at",
    ),
    Mutation(
        "a month is over when it is over where the stream is",
        f"{METRICS}/metric_trace_coverage.sql",
        "{{ local_time(as_of(), 'value_streams.time_zone') }}", "{{ as_of() }}",
    ),
    Mutation(
        "a month of methods is over when it is over where the stream is",
        f"{METRICS}/metric_trace_methods.sql",
        "{{ local_time(as_of(), 'value_streams.time_zone') }}", "{{ as_of() }}",
    ),
    Mutation(
        "what has no link is counted among the methods",
        f"{METRICS}/metric_trace_methods.sql",
        "coalesce({{ link }}_method, 'missing')", "{{ link }}_method",
    ),
    Mutation(
        "the dearest label is what a runner costs",
        f"{MARTS}/fct_ci_jobs.sql",
        "rates.cost_per_minute desc,", "rates.cost_per_minute,",
    ),
    Mutation(
        "a runner without a rate of its own costs what any other does",
        f"{MARTS}/fct_ci_jobs.sql",
        "coalesce(rates.cost_per_minute, other_rates.cost_per_minute)", "rates.cost_per_minute",
    ),
    Mutation(
        "a job that ran after it had passed is not tried again",
        f"{MARTS}/fct_ci_jobs.sql",
        "jobs.earlier_result <> 'success' and ", "",
    ),
    Mutation(
        "two jobs at once are no second try",
        f"{MARTS}/fct_ci_jobs.sql",
        " and jobs.earlier_end_at <= jobs.started_at", "",
    ),
    Mutation(
        "what the inbox tells is of the service that owns the code",
        f"{MARTS}/fct_ci_runs.sql",
        "coalesce(scopes.service_key, code_scopes.service_key)", "scopes.service_key",
    ),
    Mutation(
        "a run on a commit of the branch built the change",
        f"{INTERMEDIATE}/int_commits_of_changes.sql",
        "select * from {{ ref('int_pull_request_commits_unioned') }}",
        "select * from {{ ref('int_pull_request_commits_unioned') }} where false",
    ),
    Mutation(
        "skipped runs ran nothing",
        f"{METRICS}/metric_ci_health.sql",
        " and runs.result <> 'skipped'", "",
    ),
    Mutation(
        "runs at the same time are one wait",
        f"{METRICS}/metric_ci_health.sql",
        "from ({{ union_of_intervals('spans', 'build_key') }}) as stretches", "from spans",
    ),
    Mutation(
        "what ran before the first commit is not of its lead time",
        f"{METRICS}/metric_ci_health.sql",
        "greatest(coalesce(runs.queued_at, runs.started_at), changes.first_commit_at)",
        "coalesce(runs.queued_at, runs.started_at)",
    ),
    Mutation(
        "a timeout is lost to the environment",
        "macros/metric_ci_health.sql",
        "result in ('error', 'timeout') or is_flaky", "is_flaky",
    ),
    Mutation(
        "an approval that was taken back is none",
        f"{MARTS}/fct_approvals.sql",
        "next_decision <> 'approved'", "false",
    ),
    Mutation(
        "an event approves what it names by its id and nothing else",
        f"{MARTS}/fct_approvals.sql",
        "coalesce(given.raw_environment, deployments.raw_environment)\n"
        "            = deployments.raw_environment",
        "true",
    ),
    Mutation(
        "nobody reviews his own change",
        f"{METRICS}/metric_change_evidence.sql",
        "and approvals.approver_key is distinct from described.author_key", "",
    ),
    Mutation(
        "a program reviews nothing",
        f"{METRICS}/metric_change_evidence.sql",
        "        not approvals.is_by_program\n        and approvals.approver_key is distinct",
        "        approvals.approver_key is distinct",
    ),
    Mutation(
        "a review after the merge is none",
        f"{METRICS}/metric_change_evidence.sql",
        "and approvals.decided_at <= described.merged_at", "",
    ),
    Mutation(
        "every pipeline has to pass",
        f"{METRICS}/metric_change_evidence.sql",
        "order by case when result = 'success' then 1 else 0 end, finished_at desc, ci_run_key",
        "order by finished_at desc, ci_run_key",
    ),
    Mutation(
        "what was deployed counts before what was merged",
        f"{METRICS}/metric_change_evidence.sql",
        "where row_num = 1 and distance = nearest", "where row_num = 1",
    ),
    Mutation(
        "a run that deploys itself counts when it passed",
        f"{METRICS}/metric_change_evidence.sql",
        "runs.result = 'success'\n                and coalesce",
        "false\n                and coalesce",
    ),
    Mutation(
        "what was deleted before it was read is not known",
        f"{METRICS}/metric_change_evidence.sql",
        "and unknown_builds.metric_change_evidence_key is null\n", "\n",
    ),
    Mutation(
        "an approval after the beginning is too late",
        f"{METRICS}/metric_change_evidence.sql",
        "        approvals.is_approved\n        and approvals.decided_at <= described.started_at",
        "        approvals.is_approved",
    ),
    Mutation(
        "a standard change is approved in advance",
        f"{METRICS}/metric_change_evidence.sql",
        "case when requests.is_automated then requests.requested_at end",
        "cast(null as timestamp)",
    ),
    Mutation(
        "who approved and then deployed is not apart",
        f"{METRICS}/metric_change_evidence.sql",
        "case when approver_key is distinct from deployer_key then 1 end", "1",
    ),
    Mutation(
        "people of another tool cannot be told apart",
        f"{METRICS}/metric_change_evidence.sql",
        "when strangers.metric_change_evidence_key is null then 'no'", "when true then 'no'",
    ),
    Mutation(
        "that no program left a trace is not sure",
        f"{MARTS}/fct_changes.sql",
        "when 'messages' then cast(0.5 as double)", "when 'messages' then cast(0.9 as double)",
    ),
    Mutation(
        "what nobody read is not known",
        "models/staging/gitlab/stg_gitlab__merge_requests.sql",
        "coalesce(source.payload.ai_assistance, 'unknown')",
        "coalesce(source.payload.ai_assistance, 'none')",
    ),
    Mutation(
        "a number that is of some values and not shown has a long row",
        "macros/observations.sql", "where value is not null or n > 0", "where value is not null",
    ),
    Mutation(
        "a number of nothing has no long row",
        "macros/observations.sql", "where value is not null or n > 0", "where true",
    ),
    Mutation(
        "what stands there at the end of a week is that of its last day",
        "models/observations/fct_metric_observations.sql",
        "cast(date_day - interval '6' day as date)", "cast(date_day - interval '5' day as date)",
    ),
    Mutation(
        "a type of work is a share of what all types finished",
        "models/observations/fct_metric_observations.sql",
        "'denominator': 'velocity_of_all'", "'denominator': 'velocity'",
    ),
    Mutation(
        "a target holds from its first day on",
        f"{METRICS}/metric_targets.sql",
        "observations.period_start >= named.first_day",
        "observations.period_start > named.first_day",
    ),
    Mutation(
        "reaching a target is enough",
        f"{METRICS}/metric_targets.sql",
        "when value = expected or (value > expected) =", "when (value > expected) =",
    ),
    Mutation(
        "a goal that nobody measured is told",
        f"{METRICS}/metric_targets.sql", "    left join measured", "    inner join measured",
    ),
    Mutation(
        "a key result is due bit by bit",
        f"{METRICS}/metric_targets.sql", "period_end as timestamp", "last_day as timestamp",
    ),
    Mutation(
        "what is loaded of tomorrow is not known yet",
        f"{METRICS}/metric_targets.sql",
        "        and results.measured_on <= cast({{ as_of() }} as date)\n", "",
    ),
    Mutation(
        "a trend is that of three periods",
        f"{METRICS}/metric_targets.sql",
        "rows between 3 preceding and 1 preceding", "rows between 3 preceding and current row",
    ),
    Mutation(
        "a type of work that nobody finished has no share",
        f"{METRICS}/metric_guardrails.sql", "    left join periods", "    inner join periods",
    ),
    Mutation(
        "a guardrail on the time of work shares that",
        f"{METRICS}/metric_guardrails.sql", "coalesce(one_type.active_s, 0)",
        "coalesce(one_type.wait_s, 0)",
    ),
    Mutation(
        "a guardrail ends on its last day",
        f"{METRICS}/metric_guardrails.sql",
        "all_work.period_start < guardrails.end_day", "true",
    ),
    Mutation(
        "what waits, waits for the next stage of work",
        f"{MEASURES}/measure_station_spans.sql",
        "order by ordinal desc", "order by ordinal",
    ),
    Mutation(
        "a parked item is in no queue",
        f"{MEASURES}/measure_station_spans.sql",
        "flow_state in ('wait', 'active') and ordinal > 0", "flow_state in ('wait', 'active')",
    ),
    Mutation(
        "a blocked item keeps no station busy",
        f"{MEASURES}/measure_station_steps.sql",
        "case when is_block then -1 else 1 end as sign",
        "case when is_block then 0 else 1 end as sign",
    ),
    Mutation(
        "a wait is that of the visit that follows it",
        f"{METRICS}/metric_constraint_visits.sql",
        "partition by work_item_key, line_station_key, visits_before",
        "partition by work_item_key, line_station_key",
    ),
    Mutation(
        "what was blocked did not queue",
        f"{METRICS}/metric_constraint_visits.sql",
        "case when is_block then -1 else 1 end *", "case when is_block then 0 else 1 end *",
    ),
    Mutation(
        "whoever waits at a gate has not passed it",
        f"{METRICS}/metric_constraint_visits.sql",
        "(is_gate and exited_at is not null)", "is_gate",
    ),
    Mutation(
        "the longest run of a moment is the one that counts",
        f"{METRICS}/metric_constraint.sql",
        "{{ seconds_between('run_starts_at', 'run_ends_at') }} desc,",
        "{{ seconds_between('run_starts_at', 'run_ends_at') }},",
    ),
    Mutation(
        "a station without waits makes a guess of its line",
        f"{METRICS}/metric_constraint.sql",
        "when 10 * visits_without_waits >= most_visits then 'waits_not_modelled'", "",
    ),
    Mutation(
        "fewer than thirty visits are no evidence",
        f"{METRICS}/metric_constraint.sql",
        "< {{ var('constraint_visits') }}", "< 2",
    ),
    Mutation(
        "the scores look back on a window",
        f"{METRICS}/metric_constraint.sql",
        "rows between {{ var('constraint_weeks_before') }} preceding",
        "rows between 1 preceding",
    ),
    Mutation(
        "a station starves the next one while it has a queue itself",
        f"{METRICS}/metric_constraint.sql",
        "sum(queued_change) over so_far > 0 and sum(idle_change)",
        "sum(queued_change) over so_far >= 0 and sum(idle_change)",
    ),
    Mutation(
        "a constraint reigns since the first week without another one",
        f"{METRICS}/metric_constraint.sql",
        "window reign as (partition by line_key, reign_no)",
        "window reign as (partition by line_key)",
    ),
    Mutation(
        "of two reasons at once the first one counts, and only that",
        f"{METRICS}/metric_delay_pareto.sql",
        "greatest(blocked_from, coalesce(blocked_before_to, blocked_from)) as starts_at",
        "blocked_from as starts_at",
    ),
    Mutation(
        "blocked time is not waiting time too",
        f"{METRICS}/metric_delay_pareto.sql",
        "-1 as sign", "0 as sign",
    ),
    Mutation(
        "a month begins where the value stream is",
        f"{METRICS}/metric_delay_pareto.sql",
        "{{ utc_of_local('cast(part_month as timestamp)', 'dated_parts.time_zone') }}",
        "cast(part_month as timestamp)",
    ),
    Mutation(
        "an item-day costs what it costs on the first day of the month",
        f"{METRICS}/metric_delay_pareto.sql",
        "{{ valid_at('rates', 'added.month_start') }}", "true",
    ),
    Mutation(
        "what was finished less than thirty days ago may still be deployed",
        f"{METRICS}/metric_waste.sql",
        "finished.last_done_at + interval '30' day <= {{ as_of() }}", "true",
    ),
    Mutation(
        "where no deployment names an item, nobody knows what was deployed",
        f"{METRICS}/metric_waste.sql",
        "where flows.deployed_at is not null", "",
    ),
    Mutation(
        "the stock of a month is that of its last day",
        f"{METRICS}/metric_waste.sql",
        "order by date_day desc", "order by date_day",
    ),
]  # fmt: skip


UNTOUCHED = ("--exclude", "test_type:generic", "test_type:unit")
"""Tests of keys and types, and of one model alone: the invariants must notice without them."""


def killer(mutation: Mutation, base: scratch.ScratchWarehouse, workspace: Path) -> str:
    """Build what one broken rule changes of the golden company; return what noticed it.

    Raises:
        ValueError: The mutation does not apply, or what it makes does not run.
    """
    home = Path(tempfile.mkdtemp(dir=workspace))
    try:
        shutil.copytree(base.home, home, symlinks=True, dirs_exist_ok=True)
        broken = scratch.ScratchWarehouse(home, base.as_of)
        path = broken.project / mutation.path
        text = path.read_text()
        if mutation.old not in text:
            raise ValueError(f"{mutation.path} has no text {mutation.old!r}")
        path.write_text(text.replace(mutation.old, mutation.new))
        done = broken.dbt("build", "--fail-fast", "--select", f"{path.stem}+", *UNTOUCHED)
        if done.returncode:
            failed = [
                line.split(" FAIL ")[1].split()[1]
                for line in done.stdout.splitlines()
                if " FAIL " in line
            ]
            if not failed:
                raise ValueError(f"what it makes does not run:\n{done.stdout[-1500:]}")
            return f"test {failed[0]}"
        for case in golden.CASES:
            if golden.faults(broken, case):
                return f"golden case: {case.rule}"
        return ""
    finally:
        shutil.rmtree(home)


def main() -> int:
    """Try every mutation, two at a time; return 1 if one of them went unnoticed."""
    parser = argparse.ArgumentParser(description="Breaks rules of the models by hand.")
    parser.add_argument("words", nargs="*", help="only rules in which one of them stands")
    parser.add_argument("--output", type=Path, help="folder for mutations.json")
    given = parser.parse_args()
    started, survived, outcomes = time.monotonic(), 0, []
    with tempfile.TemporaryDirectory(prefix="flowhouse-mutate-") as folder:
        workspace = Path(folder)
        base = built.golden_warehouse()
        wrong = [fault for case in golden.CASES for fault in golden.faults(base, case)]
        assert not wrong, wrong
        words = given.words or [""]
        chosen = [m for m in MUTATIONS if any(word in m.rule for word in words)]
        with ThreadPoolExecutor(2) as pool:
            tries = [pool.submit(killer, m, base, workspace) for m in chosen]
            for mutation, attempt in zip(chosen, tries, strict=True):
                try:
                    noticed = attempt.result()
                except ValueError as error:
                    noticed, survived = f"INVALID: {error}", survived + 1
                else:
                    survived += not noticed
                print(f"{mutation.rule:60} {noticed or 'SURVIVED'}", flush=True)
                outcomes.append({"rule": mutation.rule, "noticed_by": noticed})
    spent = time.monotonic() - started
    print(f"{len(chosen)} mutations, {survived} unnoticed or invalid, {spent:.0f} s")
    if given.output:
        given.output.mkdir(parents=True, exist_ok=True)
        told = {"seconds": round(spent), "mutations": outcomes}
        (given.output / "mutations.json").write_text(json.dumps(told, indent=1) + "\n")
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main())

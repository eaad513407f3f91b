"""One fault per invariant that it alone must notice: `python -m tests.flow.faults`.

A fault changes the rows that one model or seed holds, as a wrong last select would: `model` stands
for what the model makes. What is built on it is made anew from its compiled SQL, in the working
warehouse of the golden company, and every invariant runs; those that find other rows than before
must be the one that the fault is for, and no other. Nothing of it is kept.

The golden company is small, and a transaction is cheap: all faults take a minute.
"""

import argparse
import importlib.util
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb

from tests import built


@dataclass(frozen=True)
class Fault:
    """A fault, and what notices it.

    Attributes:
        only: The invariant that must notice it.
        rule: What is broken.
        model: The model or seed whose rows are wrong.
        sql: What it holds instead; `model` is what it should hold.
        also: Other invariants that cannot but notice it too.
        why: Why they cannot.
    """

    only: str
    rule: str
    model: str
    sql: str
    also: tuple[str, ...] = ()
    why: str = ""


def changed(column: str, value: str, where: str) -> str:
    """Return SQL in which one column has another value in some rows."""
    value = f"case when {where} then {value} else {column} end"
    return f"select * replace ({value} as {column}) from model"


def first(where: str) -> str:
    """Return a condition that the first row alone fulfils, of a table without a key of its own."""
    return f"rowid = (select min(rowid) from model where {where})"


def one(key: str, where: str = "true") -> str:
    """Return a condition that the first row alone fulfils, of those that fulfil another one."""
    return f"{key} = (select min({key}) from model where {where})"


MID_MONTH = "extract(day from date_day) = 15"


FAULTS = [
    Fault(
        "wide_views_have_the_rows_of_their_facts",
        "a team is there once",
        "dim_teams",
        "select * from model union all select * from model",
    ),
    Fault(
        "visits_have_no_gap_and_no_overlap",
        "a visit ends when the next begins",
        "fct_stage_visits",
        changed("exited_at", "exited_at + interval '1' second", "stage_visit_key = 'jira:LAB-5:1'"),
    ),
    Fault(
        "every_item_is_open_or_ended_once",
        "an item is open in one place",
        "fct_stage_visits",
        changed(
            "is_open", "true",
            "visit_seq = 1 and exited_at is not null and work_item_key = (select min(work_item_key)"
            " from model where is_open and visit_seq = 2)",
        ),
    ),
    Fault(
        "visit_times_add_up_to_the_clocks",
        "a clock runs from the creation to the end",
        "fct_work_item_flows",
        changed("created_to_done_s", "created_to_done_s + 1", "work_item_key = 'jira:LAB-5'"),
    ),
    Fault(
        "active_and_waiting_time_make_up_every_visit",
        "working hours are worked or waited",
        "fct_stage_visits",
        changed("active_business_s", "active_business_s + 1", "stage_visit_key = 'jira:LAB-5:1'"),
    ),
    Fault(
        "blocks_lie_within_the_flow",
        "nothing blocks what is not in flow",
        "fct_blocked_intervals",
        changed(
            "blocked_from", "blocked_from - interval '1000' day",
            one("blocked_interval_key", "blocked_to is not null"),
        ),
    ),
    Fault(
        "status_transitions_are_chained",
        "a status is left from where the item was",
        "fct_status_transitions",
        changed("from_status", "'Elsewhere'", "status_transition_key = 'jira:LAB-5:2'"),
    ),
    Fault(
        "items_end_in_the_status_that_their_source_shows",
        "an item is where its source shows it",
        "dim_work_items",
        changed("current_status", "'Elsewhere'", "work_item_key = 'jira:LAB-5'"),
    ),
    Fault(
        "every_stage_transition_opens_one_visit",
        "visits of one stage are numbered",
        "fct_stage_visits",
        changed("visit_no", "visit_no + 1", "stage_visit_key = 'jira:LAB-5:1'"),
    ),
    Fault(
        "every_change_of_status_is_a_transition",
        "what a source recorded is not made up",
        "fct_status_transitions",
        changed("is_synthetic", "true", "status_transition_key = 'jira:LAB-5:2'"),
    ),
    Fault(
        "work_in_progress_balances_day_by_day",
        "what entered and did not leave is there on the day",
        "fct_daily_flows",
        changed(
            "wip_eod", "wip_eod + 1",
            one("daily_flow_key", f"flow_state = 'active' and {MID_MONTH}"),
        ),
    ),
    Fault(
        "what_arrived_and_did_not_leave_is_there",
        "a cancelled item arrives once",
        "fct_daily_flows",
        changed(
            "arrivals", "arrivals + 1",
            one("daily_flow_key", "flow_state = 'cancelled' and arrivals > 0"),
        ),
    ),
    Fault(
        "queues_and_limits_are_those_of_the_day",
        "a limit is breached by more items than it allows",
        "metric_wip",
        changed("is_breach", "not is_breach", one("metric_wip_key", "wip_limit is not null")),
    ),
    Fault(
        "backlog_and_flow_make_up_what_is_open",
        "who is in flow waits or is worked on",
        "metric_wip_totals",
        changed("worked_on_items", "worked_on_items + 1", one("metric_wip_total_key")),
    ),
    Fault(
        "backlog_and_flow_make_up_what_is_open",
        "the backlog of a day is that of its stages",
        "metric_wip_totals",
        "select * exclude (hit) replace ("
        "open_items + hit as open_items, backlog_items + hit as backlog_items)"
        " from (select *, case when "
        + one("metric_wip_total_key")
        + " then 1 else 0 end as hit from model)",
    ),
    Fault(
        "littles_law_holds_exactly",
        "an item is there for as many seconds as it is there",
        "fct_daily_flows",
        changed(
            "wip_s", "wip_s + 1",
            one("daily_flow_key", f"flow_state = 'active' and {MID_MONTH}"),
        ),
    ),
    Fault(
        "work_in_progress_at_as_of_is_the_open_visits",
        "an open item counts for its own type of work",
        "fct_daily_flows",
        """
        with last_rows as (
            select * from model
            where flow_state not in ('done', 'cancelled') and date_day = (
                select max(date_day) from model as days
                where days.value_stream_key = model.value_stream_key
            )
        ),
        pairs as (
            select one.daily_flow_key as gains, other.daily_flow_key as loses
            from last_rows as one inner join last_rows as other
                using (value_stream_key, workflow, level, stage_key)
            where one.work_type <> other.work_type and other.wip_eod > other.blocked_wip
            order by 1, 2 limit 1
        )
        select model.* replace (
            arrivals + case when daily_flow_key = gains then 1 else 0 end as arrivals,
            departures + case when daily_flow_key = loses then 1 else 0 end as departures,
            wip_eod + case daily_flow_key when gains then 1 when loses then -1 else 0 end
                as wip_eod,
            queue_len + case
                when flow_state = 'active' then 0
                else case daily_flow_key when gains then 1 when loses then -1 else 0 end
            end as queue_len
        )
        from model cross join pairs
        """,
    ),
    Fault(
        "work_in_progress_of_every_month_is_recounted",
        "an item counts for its own type of work at the end of a month",
        "fct_daily_flows",
        """
        with month_ends as (
            select * from model
            where flow_state not in ('done', 'cancelled') and date_day = last_day(date_day)
                and date_day < (
                    select max(date_day) from model as days
                    where days.value_stream_key = model.value_stream_key
                ) - interval '5' day
        ),
        pairs as (
            select one.value_stream_key, one.workflow, one.level, one.stage_key,
                one.date_day as day, one.work_type as gains, other.work_type as loses
            from month_ends as one inner join month_ends as other
                using (value_stream_key, workflow, level, stage_key, date_day)
            where one.work_type <> other.work_type and other.wip_eod > other.blocked_wip
            order by all limit 1
        ),
        signed as (
            select model.*, pairs.day, case
                when work_type = gains and date_day = day then 1
                when work_type = loses and date_day = day then -1
                when work_type = gains and date_day = day + 1 then 2
                when work_type = loses and date_day = day + 1 then -2
                else 0
            end as sign
            from model left join pairs
                using (value_stream_key, workflow, level, stage_key)
        )
        select * exclude (day, sign) replace (
            arrivals + case when sign in (1, -2) then 1 else 0 end as arrivals,
            departures + case when sign in (-1, 2) then 1 else 0 end as departures,
            wip_eod + case when sign in (1, -1) then sign else 0 end as wip_eod,
            queue_len + case when sign in (1, -1) and flow_state <> 'active' then sign else 0 end
                as queue_len
        )
        from signed
        """,
    ),
    Fault(
        "ages_of_the_day_are_the_ages_of_the_items",
        "ages add up",
        "fct_work_item_flows",
        changed("age_s", "age_s + 1", one("work_item_key", "age_s > 0")),
    ),
    Fault(
        "cumulative_flow_never_falls",
        "what has come as far stays so",
        "metric_cumulative_flow",
        changed(
            "cfd_highwater", "cfd_highwater - 1",
            one("metric_cumulative_flow_key", f"{MID_MONTH} and ordinal > 1 and cfd_highwater > 1"),
        ),
    ),
    Fault(
        "what_lies_between_the_lines_is_open",
        "between two lines are the items that are there",
        "metric_cumulative_flow",
        changed(
            "open_items", "open_items + 1",
            "flow_state = 'active' and date_day = (select max(date_day) from model)"
            " and value_stream_key = (select min(value_stream_key) from model"
            " where flow_state = 'active' and date_day = (select max(date_day) from model))",
        ),
    ),
    Fault(
        "what_lies_between_the_lines_is_open",
        "whoever has come to a place is above its first line",
        "metric_cumulative_flow",
        """
        with stands as (
            select value_stream_key, workflow, level, min(ordinal) as ordinal, date_day
            from model where date_day = (select max(date_day) from model)
            group by all order by all limit 1
        )
        select model.* replace (
            model.cfd_highwater + case when stands.ordinal is null then 0 else 1 end
                as cfd_highwater
        )
        from model left join stands using (value_stream_key, workflow, level, ordinal, date_day)
        """,    ),
    Fault(
        "throughput_is_the_number_of_finished_items",
        "what a team finished in a week is counted",
        "measure_flow_periods",
        "select * from model where not "
        + first("period = 'week' and work_type = 'all' and team_key <> 'all' and velocity > 0"),
    ),
    Fault(
        "every_finished_attempt_is_counted",
        "an earlier finish is counted once",
        "metric_flow_days",
        changed("earlier_finishes", "earlier_finishes + 1", one("metric_flow_day_key")),
    ),
    Fault(
        "moments_of_an_item_are_in_order",
        "whoever starts has committed",
        "fct_work_item_flows",
        changed("committed_at", "started_at + interval '1' second", "work_item_key = 'jira:LAB-5'"),
    ),
    Fault(
        "shares_lie_between_none_and_all",
        "a share is its numerator over its denominator",
        "fct_work_item_flows",
        changed(
            "flow_efficiency_share", "0.123",
            one("work_item_key", "flow_efficiency_share > 0.2"),
        ),
    ),
    Fault(
        "shares_lie_between_none_and_all",
        "the rework of the map is counted in stays",
        "metric_value_stream_map",
        changed("rework_share", "rework_share / 2", one(
            "metric_value_stream_map_key", "rework_visits > 0",
        )),
    ),
    Fault(
        "distributions_add_up",
        "the types of work make up all work",
        "measure_flow_periods",
        changed(
            "distribution_share",
            "distribution_share / 2",
            first("work_type <> 'all' and distribution_share > 0"),
        ),
    ),
    Fault(
        "failed_deployments_recover_and_are_counted_among_all",
        "a failed deployment that is over is counted",
        "metric_dora",
        changed("recovered_deployments", "recovered_deployments + 1", one("metric_dora_key")),
    ),
    Fault(
        "every_merged_change_is_in_a_period",
        "a service that was never deployed has its merged changes counted",
        "metric_dora_weeks",
        "select * from model where service_key not in"
        " (select service_key from model group by 1 having sum(deployments) = 0)",
    ),
    Fault(
        "failures_have_their_evidence",
        "a deployment with evidence against it has failed",
        "fct_deployments",
        "select * exclude (hit) replace (is_failed and not hit as is_failed,"
        " case when not hit then recovered_at end as recovered_at) from (select *, "
        + one("deployment_key", "is_production and result = 'failure'")
        + " as hit from model)",
    ),
    Fault(
        "failures_have_their_evidence",
        "a guess is no evidence",
        "fct_deployments",
        changed("is_failed", "true", one("deployment_key", "is_assumed_failed and not is_repeat")),
    ),
    Fault(
        "deployments_follow_their_predecessors",
        "a deployment follows an earlier one",
        "fct_deployments",
        changed(
            "previous_deployment_key",
            "(select max_by(deployment_key, finished_at) from model)",
            one("deployment_key", "not is_rollback and not is_hotfix"),
        ),
    ),
    Fault(
        "deployments_follow_their_predecessors",
        "a deployment follows one of its own place",
        "fct_deployments",
        """
        with pairs as (
            select own.deployment_key, max_by(other.deployment_key, other.finished_at) as other_key
            from model as own inner join model as other
                on own.repository = other.repository and other.finished_at < own.finished_at
                and own.raw_environment <> other.raw_environment
            where own.result = 'success' and other.result = 'success'
                and not own.is_rollback and not own.is_hotfix
            group by 1 order by 1 limit 1
        )
        select model.* replace (coalesce(other_key, previous_deployment_key)
            as previous_deployment_key)
        from model left join pairs using (deployment_key)
        """,
    ),
    Fault(
        "deployments_follow_their_predecessors",
        "a deployment follows the latest one",
        "fct_deployments",
        """
        with pairs as (
            select own.deployment_key, before.previous_deployment_key as other_key
            from model as own inner join model as before
                on own.previous_deployment_key = before.deployment_key
            where not own.is_rollback and not own.is_hotfix
                and before.previous_deployment_key is not null
            order by 1 limit 1
        )
        select model.* replace (coalesce(other_key, previous_deployment_key)
            as previous_deployment_key)
        from model left join pairs using (deployment_key)
        """,
    ),
    Fault(
        "deployments_end_after_they_start",
        "a deployment starts before it ends",
        "fct_deployments",
        changed(
            "started_at", "finished_at + interval '1' hour",
            one("deployment_key", "started_at <= finished_at"),
        ),
    ),
    Fault(
        "every_deployed_change_has_one_first_deployment",
        "a deployed change came with a deployment",
        "bridge_deployment_changes",
        "select * from model where not " + one("deployment_change_key"),
    ),
    Fault(
        "changes_are_deployed_after_they_are_merged",
        "what is not merged is not deployed",
        "int_changes_carried",
        # Its commit ran once before it was merged: with that one it would have come too early.
        """
        select * replace (
            case when change_key = 'github:pr:P438' then 'github:deployment:left-5'
                else deployment_key end as deployment_key,
            case when change_key = 'github:pr:P438' then timestamp '2024-05-09 10:00:00'
                else deployed_at end as deployed_at
        ) from model
        """,
    ),
    Fault(
        "commits_are_carried_with_what_descends_from_them",
        "what is behind a commit does not come after it",
        "int_commits_carried",
        changed(
            "deployment_key", "'github:deployment:gr-4'",
            f"repository = 'field/graph' and sha = '{0x24:040x}'",
        ),
    ),
    Fault(
        "commits_are_carried_with_what_descends_from_them",
        "what comes with a deployment is behind its commit",
        "int_commits_carried",
        changed(
            "deployment_key", "'github:deployment:gr-2'",
            f"repository = 'field/graph' and sha = '{0x24:040x}'",
        ),
    ),
    Fault(
        "changes_are_merged_after_they_are_written",
        "what is not written is not merged",
        "fct_changes",
        changed(
            "first_commit_at", "merged_at + interval '1' second",
            one("change_key", "deployed_at is not null and first_commit_at <= merged_at"),
        ),
    ),
    Fault(
        "both_ends_of_a_link_exist",
        "a link between two items is kept",
        "bridge_work_item_links",
        "select * from model where not " + one("work_item_link_key", "link_type = 'implements'"),
    ),
    Fault(
        "links_lead_to_what_is_loaded",
        "a link that leads nowhere is told",
        "int_work_item_links_unioned",
        "select * from model union all by name"
        " select 'x' as source_link_id, 'jira:LAB-5' as from_key,"
        " 'jira:NOWHERE' as to_key, 'blocks' as link_type, 'jira_link' as method, 1 as confidence",
    ),
    Fault(
        "incidents_have_one_primary_deployment",
        "one cause of an incident is the main one",
        "bridge_incident_deployments",
        changed("is_primary", "false", one("incident_deployment_key", "is_primary")),
    ),
    Fault(
        "the_teams_of_an_item_share_it",
        "the teams of an item share it",
        "bridge_work_item_teams",
        changed("weight", "weight / 2", "work_item_key = 'jira:LAB-5'"),
    ),
    Fault(
        "no_item_is_lost_between_the_sources_and_the_facts",
        "every item of a source is an item",
        "int_work_items_unioned",
        "select * from model where work_item_key <> 'jira:LAB-48'",
    ),
    Fault(
        "a_complete_load_brought_what_the_source_counts",
        "a complete load brings what its source counts",
        "load_audits",
        "select * from model union all by name"
        " select 'x' as audit_key, 'jira' as source, 'issues' as object,"
        " 'LAB' as scope, 'complete' as status, 100 as api_count, 99 as extracted",
    ),
    Fault(
        "every_changelog_entry_is_whole",
        "every change of an entry is read",
        "stg_jira__issue_changes",
        "select * from model where not " + one("issue_change_id", "field = 'Flagged'"),
    ),
    Fault(
        "few_histories_are_flawed",
        "a flaw of many histories is told",
        "metric_data_quality",
        "select * exclude (hit) replace ("
        "case when hit then total else affected end as affected,"
        " case when hit then 1 else affected_share end as affected_share) from (select *, "
        + one(
            "metric_data_quality_key",
            "measure like 'history_%' and measure <> 'history_complete' and affected_share <= 0.05",
        )
        + " as hit from model)",
    ),
    Fault(
        "versions_of_an_item_do_not_overlap",
        "an item is in one version at a time",
        "dim_work_items",
        changed(
            "valid_to", "valid_to + interval '1' second",
            "work_item_version_key = 'jira:LAB-57@1'",
        ),
    ),
    Fault(
        "every_fact_belongs_to_one_version",
        "a fact names the version that was valid",
        "fct_handovers",
        changed("work_item_version_key", "work_item_key || '@99'", one("handover_key")),
    ),
    Fault(
        "facts_are_as_many_as_their_sources",
        "the stays last as long as the visits",
        "metric_stage_stays",
        changed("elapsed_s", "elapsed_s + 1", one("stage_stay_key", "elapsed_s > 0")),
    ),
    Fault(
        "dated_lines_of_a_seed_do_not_overlap",
        "a line of a seed ends after it begins",
        "teams",
        "select * from model union all by name select 'nobody' as team_key, 'Nobody' as name,"
        " date '2024-01-02' as valid_from, date '2024-01-01' as valid_to",
    ),
    Fault(
        "every_status_has_a_stage",
        "every status without a stage is told",
        "status_stages",
        "select * from model where status <> 'beim hersteller'",
        also=("unmapped_time_is_below_one_per_cent",),
        why="it names the statuses of the stream",
    ),
    Fault(
        "unmapped_time_is_below_one_per_cent",
        "time without a stage is little",
        "fct_stage_visits",
        changed("stage", "'unmapped'", "work_item_key like 'jira:NFL-%' and visit_seq = 1"),
    ),
    Fault(
        "every_mapped_stage_exists",
        "a status is mapped to a stage that exists",
        "status_stages",
        "select * from model union all by name"
        " select 'jira' as source_system, 'software' as workflow,"
        " 'never seen' as status, 'never made' as stage",
    ),
    Fault(
        "every_started_boundary_precedes_the_finished_one",
        "work starts before it is finished",
        "dim_stages",
        "select * from model union all by name"
        " select 'odd:end' as stage_key, 'odd' as workflow, 'end' as stage,"
        " 2 as ordinal, 'done' as flow_state, true as is_started_boundary,"
        " true as is_finished_boundary, false as is_ready_boundary",
    ),
    Fault(
        "limits_come_from_the_baseline_alone",
        "the limit of ranges comes from the baseline",
        "metric_xmr",
        changed("range_limit", "range_limit + 1", one("metric_xmr_key", "range_limit > 0")),
    ),
    Fault(
        "signals_are_what_the_rules_say",
        "eight in a row are a run",
        "metric_xmr",
        changed("is_run", "not is_run", one("metric_xmr_key", "is_run")),
    ),
    Fault(
        "forecasts_are_in_order",
        "more certainty is fewer items",
        "metric_forecast",
        changed(
            "value", "value + 1000",
            one("metric_forecast_key", "kind = 'how_many' and percentile = 95"),
        ),
    ),
    Fault(
        "backtests_are_held_against_what_was_finished",
        "what happened is what was finished",
        "metric_forecast_backtests",
        changed("actual", "actual + 1", one("metric_forecast_backtest_key", "is_hit")),
    ),
    Fault(
        "no_person_is_named_and_no_metric_is_of_a_person",
        "no text names anybody",
        "dim_source_systems",
        "select * replace ('ann@example.com' as name) from model",
    ),
    Fault(
        "counters_agree_with_the_source",
        "a difference of a counter is told",
        "fct_history_flags",
        "select * from model where not "
        + one("history_flag_key", "reason = 'reopening_not_counted'"),
    ),
    Fault(
        "counters_agree_with_the_source",
        "a count that nothing explains is not explained",
        "int_servicenow_fields_then",
        changed(
            "value", "'7'",
            "work_item_key like '%:INC-R1' and field = 'reassignment_count'",
        ),
    ),
    Fault(
        "counters_agree_with_the_source",
        "what came from none explains as many as came from none",
        "int_servicenow_fields_then",
        changed(
            "value", "'0'",
            "work_item_key like '%:INC-R4' and field = 'reassignment_count'",
        ),
    ),
    Fault(
        "every_metric_says_what_it_is",
        "a metric has an owner",
        "metrics",
        changed("owner", "''", "metric = 'velocity'"),
    ),
    Fault(
        "every_scope_has_a_value_stream",
        "every scope without a value stream is told",
        "dim_work_items",
        changed("scope", "scope || ' of ' || work_item_key", "value_stream_key = 'unassigned'"),
    ),
    Fault(
        "every_repository_has_a_service",
        "every repository without a service is told",
        "fct_changes",
        "select * from model union all by name select 'github:x' as change_key, 'lost/app' as"
        " repository, 'unassigned:github:lost/app' as service_key",
    ),
    Fault(
        "every_feed_names_what_is_there",
        "a value stream of a feed that is none is told",
        "fct_risks",
        changed("value_stream_key", "'unassigned'", "named_value_stream = 'reef'"),
    ),
    Fault(
        "every_incident_has_a_service",
        "every incident without a service is told",
        "dim_work_items",
        changed("scope", "scope || ' of ' || work_item_key", "item_kind = 'incident'"),
    ),
    Fault(
        "every_type_of_work_is_known",
        "every unknown type of work is told",
        "dim_work_items",
        changed("raw_type", "'bug'", "item_kind = 'issue' and work_type = 'unassigned'"),
    ),
    Fault(
        "every_environment_is_known",
        "every unknown environment is told",
        "fct_deployments",
        changed("environment_key", "'unmapped'", one("deployment_key")),
    ),
]  # fmt: skip


class Company:
    """The golden company's working warehouse, in which models are made anew."""

    def __init__(self, home: Path) -> None:
        """Open the warehouse of a home that was built with all of its tests."""
        self.project = home / "project"
        self.manifest = json.loads((self.project / "target" / "manifest.json").read_text())
        self.nodes = self.manifest["nodes"]
        self.link = duckdb.connect(str(home / "build.duckdb"))
        self.link.execute("set TimeZone = 'UTC'")
        for raw in sorted((home / "raw").glob("raw_*.duckdb")):
            self.link.execute(f"attach '{raw}' as {raw.stem} (read_only)")
        self.keys = {
            node["name"]: key
            for key, node in self.nodes.items()
            if node["resource_type"] in ("model", "seed")
        }
        self.tests = {
            node["name"]: self._compiled(node)
            for node in self.nodes.values()
            if node["resource_type"] == "test" and not node.get("test_metadata")
        }
        self.before = self.found()

    def _compiled(self, node: dict[str, Any]) -> str:
        folder = self.project / "target" / "compiled" / "flowhouse"
        return (folder / node["original_file_path"]).read_text().strip().rstrip(";")

    def found(self) -> dict[str, int]:
        """Return how many rows each invariant finds."""
        return {
            name: self.link.execute(f"select count(*) from ({sql}\n) as rows_found").fetchall()[0][
                0
            ]
            for name, sql in self.tests.items()
        }

    def downstream(self, key: str) -> Iterator[str]:
        """Yield what is made of a model or seed, in the order in which it is made."""
        seen = {key}
        order = [key for key in self.nodes if self.nodes[key]["resource_type"] == "model"]
        waiting = True
        while waiting:
            waiting = False
            for other in order:
                needs = set(self.nodes[other]["depends_on"]["nodes"])
                if other not in seen and needs & seen:
                    seen.add(other)
                    waiting = True
        done = set(self.nodes) - seen
        left = seen - {key}
        while left:
            for other in sorted(left):
                if not set(self.nodes[other]["depends_on"]["nodes"]) & (left | set()):
                    yield other
                    left.discard(other)
                    done.add(other)
                    break

    def make(self, key: str) -> None:
        """Make a model anew from what is there."""
        node = self.nodes[key]
        if node["config"]["materialized"] == "view":
            return
        name = f"{node['schema']}.{node['name']}"
        if node["language"] == "python":
            made = self._forecast(node)
            self.link.register("made", made)
            self.link.execute(f"create or replace table {name} as select * from made")
            self.link.unregister("made")
            return
        self._replace(name, self._compiled(node))

    def _replace(self, name: str, sql: str) -> None:
        """Put other rows into a table; its types stay, as its contract has them."""
        self.link.execute(f"create or replace temp table made_anew as {sql}")
        self.link.execute(f"delete from {name}")
        self.link.execute(f"insert into {name} by name select * from made_anew")

    def _forecast(self, node: dict[str, Any]) -> Any:
        path = self.project / node["original_file_path"]
        spec = importlib.util.spec_from_file_location(node["name"], path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)

        def ref(name: str) -> duckdb.DuckDBPyRelation:
            return self.link.sql(f"select * from {self.nodes[self.keys[name]]['schema']}.{name}")

        name = node["alias"] or node["name"]
        relation = type("Relation", (str,), {"schema": node["schema"], "identifier": name})
        this = relation(f"{node['schema']}.{name}")
        return module.model(SimpleNamespace(ref=ref, config=node["config"], this=this), self.link)

    def noticed(self, fault: Fault) -> set[str]:
        """Return which invariants find other rows than before; leave everything as it was."""
        key = self.keys[fault.model]
        node = self.nodes[key]
        name = f"{node['schema']}.{fault.model}"
        self.link.execute("begin")
        try:
            if node["resource_type"] == "model" and node["config"]["materialized"] == "view":
                sql = f"with model as ({self._compiled(node)}\n) {fault.sql}"
                self.link.execute(f"create or replace view {name} as {sql}")
            else:
                self.link.execute(f"create or replace temp table model as select * from {name}")
                self._replace(name, fault.sql)
                changed_rows = self.link.execute(
                    f"select count(*) from ((from {name} except all from model) union all"
                    f" (from model except all from {name})) as differences"
                ).fetchall()[0][0]
                if not changed_rows:
                    raise ValueError(f"the fault changes nothing: {fault.rule}")
            for other in self.downstream(key):
                self.make(other)
            now = self.found()
        finally:
            self.link.execute("rollback")
        return {test for test, rows in now.items() if rows != self.before[test]}


def fault_of(fault: Fault, noticed: set[str]) -> str:
    """Return what is wrong with what noticed a fault; empty where nothing is."""
    if fault.only not in noticed:
        return "unnoticed" + (f"; noticed by {', '.join(sorted(noticed))}" if noticed else "")
    others = noticed - {fault.only, *fault.also}
    return f"noticed by {', '.join(sorted(others))} too" if others else ""


def main() -> int:
    """Try every fault; return 1 if one of them is not noticed by its invariant alone."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "words", nargs="*", help="only faults in whose invariant one of them stands"
    )
    parser.add_argument("--home", type=Path, help="a golden warehouse that is built already")
    parser.add_argument("--output", type=Path, help="folder for faults.json")
    given = parser.parse_args()
    began, outcomes = time.monotonic(), []
    with tempfile.TemporaryDirectory(prefix="flowhouse-faults-") as folder:
        home = Path(folder) / "home"
        shutil.copytree(given.home or built.golden_warehouse().home, home, symlinks=True)
        company = Company(home)
        for fault in FAULTS:
            if given.words and not any(word in fault.only for word in given.words):
                continue
            try:
                noticed = company.noticed(fault)
                wrong = fault_of(fault, noticed)
            except (ValueError, duckdb.Error) as error:
                noticed, wrong = set(), f"INVALID: {error}"
            outcomes.append(
                {
                    "invariant": fault.only,
                    "rule": fault.rule,
                    "model": fault.model,
                    "noticed_by": sorted(noticed),
                    "wrong": wrong,
                }
            )
            print(f"{fault.only:60} {wrong or 'noticed, by it alone'}", flush=True)
    spent = time.monotonic() - began
    faulty = sum(bool(outcome["wrong"]) for outcome in outcomes)
    print(f"{len(outcomes)} faults, {faulty} not noticed by their invariant alone, {spent:.0f} s")
    if given.output:
        given.output.mkdir(parents=True, exist_ok=True)
        told = {
            "ran_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "seconds": round(spent),
            "invariants": company.before,
            "faults": outcomes,
        }
        (given.output / "faults.json").write_text(json.dumps(told, indent=1) + "\n")
    return 1 if faulty else 0


if __name__ == "__main__":
    sys.exit(main())

"""What the models make of ServiceNow's records, on hand-written raw rows: one build with its tests.

What is asked here is built, with all that it needs; `test_servicenow_whole.py` builds everything.
"""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.flow import scratch

AS_OF = "2024-07-01 00:00:00"
H = 3600
OPENED = datetime(2024, 4, 1, 9, tzinfo=UTC)
STATES = {"1": "New", "2": "In Progress", "3": "On Hold", "6": "Resolved", "7": "Closed"}
CHANGE_STATES = {
    "-5": "New",
    "-3": "Authorize",
    "-2": "Scheduled",
    "-1": "Implement",
    "3": "Closed",
}
ASKED = (
    "+bridge_work_item_links", "+dim_services", "+dim_teams", "+dim_work_items",
    "+fct_change_requests", "+fct_history_flags", "+fct_incidents", "+fct_status_transitions",
    "+fct_task_slas", "+fct_work_item_flows", "+metric_data_quality", "+metric_incident_sla",
)  # fmt: skip
TABLES = {
    "incident": "incidents", "change_request": "change_requests", "problem": "problems",
    "sc_req_item": "requested_items", "change_task": "change_tasks",
}  # fmt: skip


def hours(count: float) -> datetime:
    """A moment after the opening of every record."""
    return OPENED + timedelta(hours=count)


def text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S")


class Rows:
    """Raw rows of ServiceNow, as its extraction leaves them."""

    def __init__(self) -> None:
        self.tables: scratch.Rows = {}

    def add(self, table: str, scope: str = "", **row: Any) -> None:
        some = self.tables.setdefault(("servicenow", table), [])
        some.append({"payload": {}, "_scope": scope, **row})

    def record(
        self, table: str, sys_id: str, updates: int = 0, updated: float = 0.0, **payload: Any
    ) -> None:
        self.add(
            TABLES[table], table, sys_id=sys_id, number=sys_id, sys_class_name=table,
            sys_created_at=OPENED, sys_updated_at=hours(updated), sys_mod_count=updates,
            payload={"opened_at": text(OPENED), **payload},
        )  # fmt: skip

    def audited(self, table: str, sys_id: str, *changes: tuple, check: bool = True) -> None:
        """Changes are (hours, update no, field, old, new[, actor type])."""
        for at, update, field, old, new, *kind in changes:
            self.add(
                "audits", table, sys_id=f"{sys_id}-{update}-{field}", table_name=table,
                document_id=sys_id, field_name=field, sys_created_at=hours(at),
                record_checkpoint=update,
                payload={
                    "oldvalue": old, "newvalue": new,
                    "user": {"person_key": "ann", "actor_type": kind[0] if kind else "human"},
                },
            )  # fmt: skip
        if check:
            self.add(
                "history_checks", table, table_name=table, sys_id=sys_id, version="x",
                audit_count=len(changes),
            )  # fmt: skip

    def version(self, table: str, sys_id: str, updates: int, at: float, state: str) -> None:
        self.add(
            "record_versions", table, table_name=table, sys_id=sys_id, version=f"{updates}",
            sys_mod_count=updates, sys_updated_at=hours(at), payload={"state": state},
        )  # fmt: skip

    def span(self, sys_id: str, no: int, value: str, begin: float, end: float | None) -> None:
        self.add(
            "metric_instances", sys_id=f"{sys_id}/{no}", definition_id="states",
            document_id=sys_id, started_at=hours(begin),
            ended_at=None if end is None else hours(end),
            payload={"value": value, "field_value": value},
        )  # fmt: skip

    def sla(self, name: str, start: float, planned: float, end: float | None, **row: Any) -> None:
        self.add(
            "task_slas", "task_sla", sys_id=name, task_id="INC-PLAIN", sla_id="resolve",
            started_at=hours(start), planned_end_at=hours(planned),
            ended_at=None if end is None else hours(end), sys_updated_at=hours(start),
            **{"stage": "in_progress", "is_active": end is None, "has_breached": False, **row},
        )  # fmt: skip


def written() -> scratch.Rows:
    """The rows of all cases below."""
    rows = Rows()
    for table, labels in (
        ("incident", STATES),
        ("problem", STATES),
        ("change_request", CHANGE_STATES),
    ):
        for value, label in labels.items():
            rows.add(
                "choices", sys_id=f"{table}{value}", table_name=table, element="state",
                value=value, label=label, payload={"language": "en"},
            )  # fmt: skip
    rows.add("groups", sys_id="g-net", name="Network")
    rows.add("groups", sys_id="g-app", name="Applications")
    rows.add("services", sys_id="s-mail", name="Mail")

    # histories from snapshots
    rows.record("problem", "PRB-SEEN", 5, 30, state="6")
    rows.version("problem", "PRB-SEEN", 0, 0, "1")
    rows.version("problem", "PRB-SEEN", 1, 4, "2")
    rows.version("problem", "PRB-SEEN", 5, 30, "6")
    rows.record("problem", "PRB-EXACT", 1, 4, state="2")
    rows.version("problem", "PRB-EXACT", 0, 0, "1")
    rows.version("problem", "PRB-EXACT", 1, 4, "2")
    rows.record("problem", "PRB-LATE", 3, 20, state="2")
    rows.version("problem", "PRB-LATE", 3, 20, "2")

    # histories from a metric; the rows come in any order
    rows.add("metric_definitions", sys_id="states", table_name="incident", field_name="state")
    rows.record("incident", "INC-MEASURED", 4, 9, state="6")
    rows.span("INC-MEASURED", 3, "Resolved", 9, None)
    rows.span("INC-MEASURED", 1, "New", 0, 2)
    rows.span("INC-MEASURED", 2, "In Progress", 2, 9)
    rows.record("incident", "INC-TORN", 4, 9, state="6")
    rows.span("INC-TORN", 1, "New", 0, 2)
    rows.span("INC-TORN", 2, "In Progress", 3, 9)
    rows.span("INC-TORN", 3, "Resolved", 9, None)

    # audited ones; the whole truth but for what is odd
    life = ((1.001, 1, "state", "1", "2"), (5, 2, "state", "2", "6"))
    rows.record("incident", "INC-PLAIN", 2, 5, state="6", made_sla=True, priority="2")
    rows.audited("incident", "INC-PLAIN", *life)
    rows.record("incident", "INC-EARLY", 2, 5, state="2")
    rows.audited("incident", "INC-EARLY", (-1, 1, "priority", "3", "2"), (1, 2, "state", "1", "2"))
    rows.record("incident", "INC-SHUFFLED", 3, 5, state="6")
    rows.audited(
        "incident", "INC-SHUFFLED", (1, 2, "state", "1", "2"), (2, 1, "priority", "3", "2"),
        (5, 3, "state", "2", "6"),
    )  # fmt: skip
    rows.record("incident", "INC-MINUS", 2, 5, state="2")
    rows.audited(
        "incident", "INC-MINUS", (1, 1, "state", "1", "-100"), (2, 2, "state", "-100", "2")
    )
    rows.record("incident", "INC-QUIET", 9, 5, state="6")
    rows.audited("incident", "INC-QUIET", *life)
    rows.record("incident", "INC-ROUTED", 3, 5, state="1", reassignment_count=2)
    rows.audited(
        "incident", "INC-ROUTED", (0.1, 1, "assignment_group", None, "g-net"),
        (1, 2, "assignment_group", "g-net", "g-app"), (2, 3, "assignment_group", "g-app", "g-net"),
    )  # fmt: skip

    # links
    rows.record("change_request", "CHG-BAD", state="-5", type="normal")
    rows.record(
        "incident", "INC-LINKED", 3, 5, state="1", caused_by="CHG-BAD", rfc="CHG-FIX",
        problem_id="PRB-EXACT", correlation_id="PRB-LATE",
        business_service="s-mail", assignment_group="g-net",
    )  # fmt: skip
    rows.audited(
        "incident", "INC-LINKED", (1, 1, "problem_id", None, "PRB-SEEN"),
        (3, 2, "problem_id", "PRB-SEEN", "PRB-EXACT"),
    )  # fmt: skip
    rows.record("incident", "INC-CHILD", state="1", parent_incident="INC-LINKED")
    rows.record("change_task", "CTASK-1", state="1", change_request="CHG-FIX", caused_by="CHG-BAD")

    # approvals
    rows.record("change_request", "CHG-FIX", 3, 9, state="-2", type="normal")
    rows.audited(
        "change_request", "CHG-FIX", (1, 1, "approval", "not requested", "requested"),
        (7, 2, "approval", "requested", "approved"), (7, 3, "state", "-5", "-2"),
    )  # fmt: skip
    rows.record("change_request", "CHG-RULE", 2, 2, state="-2", type="normal")
    rows.audited(
        "change_request", "CHG-RULE", (1, 1, "approval", "not requested", "requested", "bot"),
        (1.5, 2, "approval", "requested", "approved", "bot"),
    )  # fmt: skip
    rows.record("change_request", "CHG-ASKED", 1, 1, state="-5", type="normal")
    rows.audited("change_request", "CHG-ASKED", (1, 1, "approval", "not requested", "requested"))
    rows.record("change_request", "CHG-STATES", 2, 9, state="-2", type="emergency")
    rows.audited(
        "change_request", "CHG-STATES", (1, 1, "state", "-5", "-3"), (4, 2, "state", "-3", "-2")
    )
    rows.record("change_request", "CHG-STOCK", state="-5", type="standard")

    # agreements
    rows.add(
        "sla_definitions", sys_id="resolve", name="Resolve in a day",
        payload={"type": "SLA", "target": "resolution", "duration": 24 * H},
    )  # fmt: skip
    rows.sla("met", 0, 24, 5, duration_s=5 * H, stage="completed")
    rows.sla("missed", 0, 2, 5, duration_s=5 * H, has_breached=True, stage="completed")
    rows.sla("given up", 0, 24, 5, stage="cancelled")
    rows.sla("in time", 0, 24 * 365, None)
    rows.sla("late", 0, 24, None)
    rows.sla("paused", 0, 24, None, stage="paused")
    rows.sla("ends later", 0, 24 * 365, 24 * 200, stage="completed", has_breached=True)
    rows.sla("removed", 0, 24, None)

    # what is gone
    def gone(table: str, sys_id: str, state: str) -> None:
        rows.add(
            "tombstones", object=TABLES.get(table, table), id=sys_id, state=state,
            missed_at=hours(100), gone_at=None if state == "missed" else hours(100),
        )  # fmt: skip

    gone("task_slas", "removed", "deleted")
    for state in ("deleted", "archived", "no_access", "missed", "present", "moved"):
        rows.record("incident", f"INC-{state}", state="1")
        gone("incident", f"INC-{state}", state)
    rows.record("sc_req_item", "INC-moved", 1, 90, state="1")
    return rows.tables


@pytest.fixture(scope="module")
def built(
    golden_warehouse: scratch.ScratchWarehouse, tmp_path_factory: pytest.TempPathFactory
) -> scratch.ScratchWarehouse:
    """What is asked below and what it needs, with every test of these tables alone."""
    home = tmp_path_factory.mktemp("servicenow")
    return build(home, golden_warehouse, "--indirect-selection", "buildable", "--select", *ASKED)


def build(home: Path, like: scratch.ScratchWarehouse, *select: str) -> scratch.ScratchWarehouse:
    """Build without unit tests, which bring rows of their own and ran for the golden company.

    Its project is the same, and parsed already.
    """
    built = scratch.ScratchWarehouse(home, AS_OF)
    scratch.write_raw(built.home / "raw", written())
    shutil.copytree(like.project, built.project)
    done = built.dbt(
        "build", "--exclude-resource-type", "unit_test", *select, DBT_WRITE_JSON="false"
    )
    assert done.returncode == 0, done.stdout[-6000:]
    return built


def flows(built: scratch.ScratchWarehouse, column: str) -> dict[str, Any]:
    return dict(
        built.rows(
            f"""
            select split_part(work_item_key, ':', 3), {column} from marts.fct_work_item_flows
            where work_item_key not like '%:request:%'
            """
        )
    )


def flags(built: scratch.ScratchWarehouse, name: str) -> set[str]:
    return {
        reason
        for (reason,) in built.rows(
            f"""
            select reason from marts.fct_history_flags
            where split_part(work_item_key, ':', 3) = '{name}'
            """
        )
    }


def transitions(built: scratch.ScratchWarehouse, name: str) -> list[tuple]:
    return built.rows(
        f"""
        select to_status, changed_at from marts.fct_status_transitions
        where split_part(work_item_key, ':', 3) = '{name}' order by transition_seq
        """
    )


def naive(*steps: tuple[str, float]) -> list[tuple]:
    return [(status, hours(at).replace(tzinfo=None)) for status, at in steps]


def test_h10_changes_that_snapshots_missed_are_proven_by_the_count_of_updates(
    built: scratch.ScratchWarehouse,
) -> None:
    source, precision = flows(built, "history_source"), flows(built, "history_precision_s")
    quality = flows(built, "history_quality")
    assert transitions(built, "PRB-SEEN") == naive(("New", 0), ("In Progress", 4), ("Resolved", 30))
    assert (source["PRB-SEEN"], precision["PRB-SEEN"]) == ("snapshot", 26 * H)
    assert quality["PRB-SEEN"] == "gap"
    assert flags(built, "PRB-SEEN") == {"known_from_snapshots", "updates_missed"}
    assert transitions(built, "PRB-EXACT") == naive(("New", 0), ("In Progress", 4))
    assert (precision["PRB-EXACT"], quality["PRB-EXACT"]) == (1, "snapshot_only")
    assert flags(built, "PRB-LATE") == {"known_from_snapshots", "updated_before_first_load"}


def test_h10_spans_of_a_metric_are_put_in_order_and_must_join(
    built: scratch.ScratchWarehouse,
) -> None:
    source, quality = flows(built, "history_source"), flows(built, "history_quality")
    steps = naive(("New", 0), ("In Progress", 2), ("Resolved", 9))
    assert transitions(built, "INC-MEASURED") == steps
    assert (source["INC-MEASURED"], quality["INC-MEASURED"]) == ("metric", "complete")
    assert (source["INC-TORN"], quality["INC-TORN"]) == ("metric", "gap")
    assert flags(built, "INC-TORN") == {"metric_spans_disjoint"}


def test_what_is_odd_about_an_audited_history_is_named(built: scratch.ScratchWarehouse) -> None:
    quality = flows(built, "history_quality")
    assert (quality["INC-PLAIN"], flags(built, "INC-PLAIN")) == ("complete", set())
    assert (quality["INC-EARLY"], flags(built, "INC-EARLY")) == (
        "conflict", {"updates_before_opening"},
    )  # fmt: skip
    assert (quality["INC-SHUFFLED"], flags(built, "INC-SHUFFLED")) == (
        "conflict", {"updates_out_of_order"},
    )  # fmt: skip
    assert (quality["INC-MINUS"], flags(built, "INC-MINUS")) == ("gap", {"state_without_label"})
    assert [status for status, _ in transitions(built, "INC-MINUS")] == [
        "New", "-100", "In Progress",
    ]  # fmt: skip
    assert (quality["INC-QUIET"], flags(built, "INC-QUIET")) == (
        "complete", {"updates_without_audit"},
    )  # fmt: skip


def test_the_flags_are_counted_in_the_data_quality(built: scratch.ScratchWarehouse) -> None:
    counted = dict(
        built.rows(
            """
            select measure, affected from metrics.metric_data_quality
            where source_system = 'servicenow' and measure like 'flag_%'
            """
        )
    )
    listed = dict(
        built.rows("select 'flag_' || reason, count(*) from marts.fct_history_flags group by 1")
    )
    assert counted == listed
    assert counted["flag_updates_out_of_order"] == 1


def test_reassignments_are_counted_from_the_history(built: scratch.ScratchWarehouse) -> None:
    counts = dict(
        built.rows(
            "select split_part(work_item_key, ':', 3), reassignment_count from marts.fct_incidents"
        )
    )
    assert (counts["INC-ROUTED"], counts["INC-PLAIN"]) == (3, 0)
    assert flags(built, "INC-ROUTED") == {"assignment_from_none_not_counted"}


def test_links_hold_for_as_long_as_their_field_did(built: scratch.ScratchWarehouse) -> None:
    found = built.rows(
        """
        select
            split_part(from_key, ':', 3), link_type, split_part(to_key, ':', 3), method,
            valid_from, valid_to
        from marts.bridge_work_item_links order by 1, 2, 3
        """
    )
    one, three = hours(1).replace(tzinfo=None), hours(3).replace(tzinfo=None)
    assert found == [
        ("CHG-FIX", "fixes", "INC-LINKED", "servicenow_rfc", None, None),
        ("INC-CHILD", "parent", "INC-LINKED", "source", OPENED.replace(tzinfo=None), None),
        ("INC-LINKED", "caused_by", "CHG-BAD", "servicenow_caused_by", None, None),
        ("INC-LINKED", "caused_by", "PRB-EXACT", "servicenow_problem_id", three, None),
        ("INC-LINKED", "caused_by", "PRB-SEEN", "servicenow_problem_id", one, three),
        ("INC-LINKED", "relates", "PRB-LATE", "servicenow_correlation_id", None, None),
    ]


def test_approvals_wait_from_the_request_to_the_decision(built: scratch.ScratchWarehouse) -> None:
    found = {
        name: facts
        for name, *facts in built.rows(
            """
            select split_part(work_item_key, ':', 3), approval_wait_s, is_automated, approved_at
            from marts.fct_change_requests
            """
        )
    }
    assert found["CHG-FIX"] == [6 * H, False, hours(7).replace(tzinfo=None)]
    assert found["CHG-RULE"] == [H // 2, True, hours(1.5).replace(tzinfo=None)]
    as_of = datetime.fromisoformat(AS_OF).replace(tzinfo=UTC)
    assert found["CHG-ASKED"] == [int((as_of - hours(1)).total_seconds()), None, None]
    assert found["CHG-STATES"] == [3 * H, None, hours(4).replace(tzinfo=None)]
    assert found["CHG-STOCK"] == [None, True, None]


def test_agreements_are_judged_as_of_the_moment(built: scratch.ScratchWarehouse) -> None:
    found = dict(
        built.rows(
            """
            select split_part(task_sla_key, ':', 3), outcome from marts.fct_task_slas
            where target = 'resolution' and work_item_key = 'servicenow:incident:INC-PLAIN'
            """
        )
    )
    assert found == {
        "met": "met", "missed": "breached", "given up": "cancelled", "in time": "running",
        "late": "breached", "paused": "running", "ends later": "running",
    }  # fmt: skip
    shares = built.rows(
        """
        select target, ended, met, breached, unjudged, running, running_breached, time_n, time_p50_s
        from metrics.metric_incident_sla
        where priority = '2' and month_start = date '2024-04-01' order by 1
        """
    )
    assert shares == [
        ("incident", 1, 1, 0, 0, 0, 0, 1, None), ("resolution", 2, 1, 1, 1, 4, 1, 2, None),
    ]  # fmt: skip


def test_services_and_groups_that_nobody_has_named_are_dimensions(
    built: scratch.ScratchWarehouse,
) -> None:
    assert built.rows("select name from marts.dim_services where service_key like 'servicenow:%'")
    linked = built.rows(
        """
        select service_key, team_key from marts.dim_work_items
        where is_current and source_id = 'INC-LINKED'
        """
    )
    assert linked == [("servicenow:service:s-mail", "servicenow:group:g-net")]
    assert built.rows(
        "select name, value_stream_key from marts.dim_teams"
        " where team_key = 'servicenow:group:g-app'"
    ) == [("Applications", "unassigned")]


def test_what_is_deleted_ends_and_what_is_only_hidden_does_not(
    built: scratch.ScratchWarehouse,
) -> None:
    outcomes = flows(built, "outcome")
    assert {
        state: outcomes[f"INC-{state}"]
        for state in ("deleted", "archived", "no_access", "missed", "present", "moved")
    } == {
        "deleted": "deleted", "archived": "open", "no_access": "open", "missed": "open",
        "present": "open", "moved": "deleted",
    }  # fmt: skip
    assert flags(built, "INC-archived") >= {"not_shown_archived"}
    requests = (
        "select outcome from marts.fct_work_item_flows where work_item_key like '%:request:%'"
    )
    assert built.rows(requests) == [("open",)]


def test_a_move_by_an_unknown_author_acknowledges_and_an_unknown_state_does_not(
    built: scratch.ScratchWarehouse,
) -> None:
    acknowledged = dict(
        built.rows(
            "select split_part(work_item_key, ':', 3), acknowledged_at from marts.fct_incidents"
        )
    )
    assert acknowledged["INC-MEASURED"] == hours(2).replace(tzinfo=None)  # a metric names nobody
    assert acknowledged["INC-MINUS"] == hours(2).replace(tzinfo=None)
    assert acknowledged["INC-archived"] is None

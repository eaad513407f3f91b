"""Recounts of the flow of items: attempt by attempt, and each item as a whole."""

from collections.abc import Iterator
from datetime import datetime

from tests.recount.histories import histories
from tests.recount.plain import ENDS, forward, grouped, seconds, stretches, version_at, versions
from tests.recount.registry import Row, Tables, recounts

FLOWING = ("wait", "active")


def boundary(tables: Tables, name: str) -> dict[str, int]:
    """Return the ordinal of the first stage of every workflow that a boundary begins with."""
    found: dict[str, int] = {}
    for stage in tables.rows("dim_stages"):
        if stage[name] and (stage["ordinal"] > 0 or name == "is_ready_boundary"):
            least = min(found.get(stage["workflow"], stage["ordinal"]), stage["ordinal"])
            found[stage["workflow"]] = least
    return found


def total(visits: list[Row], column: str) -> int | None:
    """Return the sum of what visits have in a column; None where none has anything."""
    values = [visit[column] for visit in visits if visit[column] is not None]
    return sum(values) if values else None


def ended(visit: Row) -> str:
    """Return what an item is that stands at a visit."""
    if visit["stage"] == "deleted":
        return "deleted"
    return visit["flow_state"] if visit["flow_state"] in ENDS else "open"


@recounts("fct_flow_attempts")
def flow_attempts(tables: Tables) -> Iterator[Row]:
    """What an item went through until an end that stood for long, or until now."""
    stages = tables.by("dim_stages", "stage_key")
    starts = boundary(tables, "is_started_boundary")
    of_items = versions(tables)

    def is_begun(visit: Row) -> bool:
        stage = stages[visit["stage_key"]]
        if visit["flow_state"] not in FLOWING or not (visit["is_open"] or visit["elapsed_s"]):
            return False
        if stage["ordinal"] == 0 and stage["is_started_boundary"]:
            return True
        return stage["ordinal"] >= starts.get(stage["workflow"], 10**9)

    visits = grouped(
        tables.rows("fct_stage_visits"), "work_item_key", by=lambda row: row["visit_seq"]
    )
    for key, of_item in visits.items():
        attempts = grouped(of_item, "attempt_no")
        is_gone = ended(of_item[-1]) == "deleted"
        for no, some in attempts.items():
            outcome, last = ended(some[-1]), some[-1]
            is_latest = no == max(attempts)
            ended_at = None if outcome == "open" else last["entered_at"]
            started_at = next((visit["entered_at"] for visit in some if is_begun(visit)), None)
            since = [
                visit
                for visit in some
                if started_at is not None
                and visit["entered_at"] >= started_at
                and (ended_at is None or visit["entered_at"] < ended_at)
            ]
            at_work = [visit for visit in since if visit["flow_state"] not in ENDS]
            done = [visit["entered_at"] for visit in some if visit["flow_state"] == "done"]
            earlier = None
            if not is_gone and done and (outcome == "cancelled" or not is_latest):
                earlier = done[-1]
            yield {
                "flow_attempt_key": f"{key}/{no}",
                "work_item_key": key,
                "work_item_version_key": version_at(of_items[key], ended_at or tables.as_of),
                "attempt_no": no,
                "outcome": outcome,
                "is_latest": is_latest,
                "start_to_done_s": seconds(started_at, ended_at) if outcome == "done" else None,
                "start_to_done_business_s": total(since, "business_s")
                if outcome == "done"
                else None,
                "in_flow_s": total(at_work, "elapsed_s") or 0,
                "active_s": total(at_work, "active_s") or 0,
                "wait_s": total(at_work, "wait_s") or 0,
                "rework_s": total([v for v in since if v["is_rework"]], "elapsed_s") or 0,
                "begins_at": some[0]["entered_at"],
                "started_at": started_at,
                "aging_since_at": started_at or (some[0]["entered_at"] if no > 1 else None),
                "last_done_at": done[-1] if done else None,
                "earlier_finish_at": earlier,
                "ended_at": ended_at,
            }


def quality(moves: list[Row], noted: set[str], *, is_created_known: bool) -> str:
    """Return the worst that is known of an item's history."""
    if any(move["is_before_creation"] for move in moves) or "conflict" in noted:
        return "conflict"
    if any(move["is_gap"] for move in moves) or "gap" in noted:
        return "gap"
    if any(move["is_drift"] for move in moves):
        return "drift"
    is_unknown = moves[0]["to_status"] == "unknown" and all(m["is_synthetic"] for m in moves)
    if any(move["is_end_only"] for move in moves) or is_unknown or "snapshot_only" in noted:
        return "snapshot_only"
    return "truncated" if not is_created_known or "truncated" in noted else "complete"


def children(tables: Tables, visits: dict, started: dict) -> tuple[dict, dict]:
    """Return the children that items ever had, and the spans in which these were in flow."""
    kids: dict[str, set[str]] = {}
    spans: dict[str, list[tuple[datetime, datetime]]] = {}
    for link in tables.rows("bridge_work_item_links"):
        if link["link_type"] != "parent":
            continue
        child, parent = link["from_key"], link["to_key"]
        kids.setdefault(parent, set()).add(child)
        for visit in visits.get(child, ()):
            if visit["flow_state"] in ENDS or started[child] is None:
                continue
            if visit["entered_at"] < started[child]:
                continue
            start = max(visit["entered_at"], link["valid_from"] or visit["entered_at"])
            end = min(visit["exited_at"] or tables.as_of, link["valid_to"] or tables.as_of)
            if start < end:
                spans.setdefault(parent, []).append((start, end))
    return kids, spans


def deliveries(tables: Tables) -> dict[str, tuple[datetime | None, datetime | None]]:
    """Return when the changes of items were first written, and when the last one was deployed."""
    changes = tables.by("fct_changes", "change_key")
    of_items: dict[str, set[str]] = {key: {key} for key in changes}
    for link in tables.rows("bridge_work_item_links"):
        if link["link_type"] == "implements" and link["from_key"] in changes:
            of_items.setdefault(link["to_key"], set()).add(link["from_key"])
    found = {}
    for key, names in of_items.items():
        some = [changes[name] for name in names]
        written = [c["first_commit_at"] for c in some if c["first_commit_at"] is not None]
        merged = [c for c in some if c["merged_at"] is not None]
        deployed = [c["deployed_at"] for c in some if c["deployed_at"] is not None]
        is_all = len(merged) == len(deployed)
        found[key] = (
            min(written, default=None),
            max(deployed, default=None) if is_all else None,
        )
    return found


@recounts("fct_work_item_flows")
def work_item_flows(tables: Tables) -> Iterator[Row]:
    """Every item with the moments and clocks of its whole flow."""
    stages = tables.by("dim_stages", "stage_key")
    starts = boundary(tables, "is_started_boundary")
    readies = boundary(tables, "is_ready_boundary")
    # A queue has a place in its workflow; where items are parked has none.
    waiting = {
        stage["workflow"]
        for stage in stages.values()
        if stage["flow_state"] == "wait" and stage["ordinal"] != 0
    }
    visits = grouped(
        tables.rows("fct_stage_visits"), "work_item_key", by=lambda row: row["visit_seq"]
    )
    attempts = grouped(
        tables.rows("fct_flow_attempts"), "work_item_key", by=lambda row: row["attempt_no"]
    )
    started = {
        key: min((a["started_at"] for a in some if a["started_at"] is not None), default=None)
        for key, some in attempts.items()
    }
    described = tables.by("int_work_items_unioned", "work_item_key")
    checked = tables.by("int_histories_checked", "work_item_key")
    served = tables.by("int_servicenow_histories", "work_item_key")
    moves = grouped(tables.rows("fct_stage_transitions"), "work_item_key")
    handed = grouped(tables.rows("fct_handovers"), "work_item_key")
    kids, kid_spans = children(tables, visits, started)
    delivered = deliveries(tables)
    moves_of = histories(tables)
    for version in tables.rows("dim_work_items"):
        if version["valid_to"] is not None:
            continue
        key, workflow = version["work_item_key"], version["workflow"]
        some, start, created = visits[key], started[key], version["created_at"]
        outcome, last = ended(some[-1]), some[-1]["entered_at"]
        done_at = last if outcome == "done" else None
        since = [v for v in some if start is not None and v["entered_at"] >= start]
        at_work = [v for v in since if v["flow_state"] not in ENDS]
        dones = [v["entered_at"] for v in some if v["flow_state"] == "done"]
        ready = [
            v["entered_at"]
            for v in some
            if v["flow_state"] != "cancelled"
            and stages[v["stage_key"]]["ordinal"] >= readies.get(workflow, 10**9)
            and (start is None or v["entered_at"] >= start)
        ]
        passes = [
            v["entered_at"]
            for v in some
            if stages[v["stage_key"]]["ordinal"] == starts.get(workflow)
        ]
        commits = [
            v["entered_at"] for v in some if v["flow_state"] in FLOWING and v["stage"] != "unmapped"
        ]
        first_commit_at, deployed_at = delivered.get(key, (None, None))
        active, wait = total(at_work, "active_s"), total(at_work, "wait_s")
        is_computable = workflow in waiting
        counted = is_computable and active is not None
        sources = [row for row in (served.get(key), checked.get(key)) if row]
        yield {
            "work_item_key": key,
            "work_item_version_key": version["work_item_version_key"],
            "outcome": outcome,
            "history_quality": quality(
                moves_of[key],
                {row["history_quality"] for row in sources},
                is_created_known=described[key]["has_recorded_creation"],
            ),
            "history_source": next(
                (r["history_source"] for r in sources if r["history_source"]), "changelog"
            ),
            "history_precision_s": next(
                (r["precision_s"] for r in sources if r["precision_s"] is not None), 1
            ),
            "created_to_done_s": seconds(created, done_at),
            "created_to_done_business_s": total(some, "business_s") if done_at else None,
            "start_to_done_s": seconds(start, done_at),
            "start_to_done_business_s": total(since, "business_s") if done_at else None,
            "last_pass_s": seconds(passes[-1] if passes else start, done_at),
            "idea_to_value_s": forward(created, deployed_at),
            "first_commit_to_done_s": forward(first_commit_at, done_at),
            "in_flow_s": None if start is None else total(at_work, "elapsed_s") or 0,
            "in_flow_business_s": None if start is None else total(at_work, "business_s") or 0,
            "active_s": active or 0,
            "active_business_s": total(at_work, "active_business_s") or 0,
            "wait_s": wait or 0,
            "wait_business_s": total(at_work, "wait_business_s") or 0,
            "blocked_s": total(at_work, "blocked_s") or 0,
            "rework_s": total([v for v in since if v["is_rework"]], "elapsed_s") or 0,
            "done_gap_s": total([v for v in some if v["flow_state"] in ENDS], "elapsed_s") or 0,
            "children_in_flow_s": sum(seconds(*span) for span in stretches(kid_spans[key]))
            if key in kid_spans
            else None,
            "child_count": len(kids.get(key, ())),
            "visit_count": len(some),
            "backward_count": sum(move["direction"] == "backward" for move in moves[key]),
            "reopen_count": sum(move["direction"] == "reopen" for move in moves[key]),
            "handover_count": len(handed.get(key, ())),
            "attempt_count": len(attempts[key]),
            "age_s": seconds(attempts[key][-1]["aging_since_at"], tables.as_of)
            if outcome == "open"
            else None,
            "fe_numerator_s": active if counted else None,
            "fe_denominator_s": active + wait if counted else None,
            "flow_efficiency_share": active / (active + wait)
            if counted and active + wait > 0
            else None,
            "has_modelled_waits": is_computable,
            "is_started_at_creation": start == created,
            "is_cancelled_after_start": outcome == "cancelled" and start is not None,
            "is_finish_withdrawn": bool(dones) and outcome != "done",
            "is_bulk_moved": any(move["is_bulk"] for move in moves_of[key]),
            "idea_at": created,
            "created_at": created,
            "committed_at": min(commits, default=None),
            "started_at": start,
            "ready_at": min(ready, default=None),
            "first_done_at": min(dones, default=None),
            "last_done_at": done_at,
            "cancelled_at": last if outcome == "cancelled" else None,
            "deleted_at": last if outcome == "deleted" else None,
            "first_commit_at": first_commit_at,
            "deployed_at": deployed_at,
        }

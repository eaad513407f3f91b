"""Recounts of incidents, changes, agreements, their teams and people, and the quality of data."""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tests.recount.plain import staged, version_at, versions
from tests.recount.registry import Row, Tables, recounts

ALWAYS, NEVER = datetime(1, 1, 1), datetime(9999, 12, 31)


def by_item(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Return rows by work item."""
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[row["work_item_key"]].append(row)
    return found


def seconds(start: datetime | None, end: datetime | None) -> int | None:
    """Return how often the second changes between two moments."""
    if start is None or end is None:
        return None
    return (end.replace(microsecond=0) - start.replace(microsecond=0)) // timedelta(seconds=1)


def history(audits: Iterable[Row]) -> list[Row]:
    """Return audited changes in the order in which they happened."""
    return sorted(audits, key=lambda a: (a["changed_at"], a["update_no"] or 0, a["audit_id"]))


def held(tables: Tables, record: Row, audits: list[Row], field: str) -> tuple[Any, datetime | None]:
    """Return what a field of a record held at as_of, and since when, if that is audited."""
    changes = history(a for a in audits if a["field"] == field)
    past = [a for a in changes if a["changed_at"] <= tables.as_of]
    if past:
        return past[-1]["to_value"], past[-1]["changed_at"]
    if changes:
        return changes[0]["from_value"], None
    if record["updated_at"] is not None and record["updated_at"] > tables.as_of:
        return None, None
    return record[field], None


def number(value: Any) -> int | None:
    return None if value is None else int(value)


def truth(value: Any) -> bool | None:
    return {"true": True, "1": True, "false": False, "0": False}.get(str(value).lower())


def reassigned(tables: Tables) -> dict[str, tuple[int | None, int | None, str | None]]:
    """Return by record: changes of its group, what the source counts, why they differ."""
    tasks = staged(tables, "stg_servicenow__tasks")
    audits = by_item(staged(tables, "stg_servicenow__audits"))
    checked = {
        row["work_item_key"]
        for row in staged(tables, "stg_servicenow__history_checks")
        if (row["audit_count"] or 0) > 0
    }
    happened = {
        key: [a for a in some if a["changed_at"] <= tables.as_of] for key, some in audits.items()
    }
    keeping = {
        task["table_name"]
        for task in tasks
        if any(a["field"] == "assignment_group" for a in happened.get(task["work_item_key"], ()))
    }
    found = {}
    for task in tasks:
        key = task["work_item_key"]
        source = number(held(tables, task, audits.get(key, []), "reassignment_count")[0])
        changes: Counter = Counter()
        steps: Counter = Counter()
        from_none = counted = 0
        for audit in happened.get(key, ()):
            update = (audit["changed_at"], audit["update_no"])
            if audit["field"] == "assignment_group" and audit["from_value"] != audit["to_value"]:
                changes[update] += 1
                from_none += audit["from_value"] is None
            if audit["field"] == "reassignment_count":
                counted += 1
                steps[update] += int(audit["to_value"]) - int(audit["from_value"] or 0)
        own = sum(changes.values()) if key in checked and task["table_name"] in keeping else source
        extra = sum(max(steps[u] - changes[u], 0) for u in {*steps, *changes})
        lacking = sum(max(changes[u] - steps[u], 0) for u in {*steps, *changes})
        reason = None
        if own is not None and source is not None and own != source:
            if counted and source - own == extra - lacking:
                reason = (
                    "counted_without_a_change_of_group" if extra else "change_of_group_not_counted"
                )
            elif not counted and 1 <= own - source <= from_none:
                reason = "assignment_from_none_not_counted"
            else:
                reason = "reassignments_differ_unexplained"
        found[key] = (own, source, reason)
    return found


def acknowledged(tables: Tables, opened: dict[str, datetime]) -> dict[str, datetime]:
    """Return when somebody first worked on an incident, before its end and not by it."""
    audits = by_item(
        a for a in staged(tables, "stg_servicenow__audits") if a["changed_at"] <= tables.as_of
    )
    states = {(s["workflow"], s["stage"]): s["flow_state"] for s in tables.rows("dim_stages")}
    statuses = {
        (s["work_item_key"], s["changed_at"], s["to_status"]): s
        for s in tables.rows("fct_status_transitions")
    }
    moves = by_item(tables.rows("fct_stage_transitions"))
    found = {}
    for key, opening in opened.items():
        numbers = {f"servicenow:{a['audit_id']}": a["update_no"] for a in audits.get(key, ())}
        end = None
        shown: list[tuple[datetime, int | None]] = []
        for move in sorted(moves.get(key, ()), key=lambda m: m["transition_seq"]):
            status = statuses[key, move["changed_at"], move["to_status"]]
            when = (move["changed_at"], numbers.get(status["source_event_id"]))
            state = states[move["workflow"], move["to_stage"]]
            if state in ("done", "cancelled"):
                end = end or when
            elif (
                state in ("active", "wait")
                and move["to_stage"] != "unmapped"
                and not status["is_synthetic"]
                and status["actor_type"] != "bot"
            ):
                shown.append(when)
        for audit in audits.get(key, ()):
            given = audit["field"] in ("assigned_to", "assignment_group") and audit["to_value"]
            if audit["actor_type"] != "bot" and (given or audit["field"] == "work_notes"):
                shown.append((audit["changed_at"], audit["update_no"] or 0))
        before = [
            max(at, opening)
            for at, update in shown
            if end is None
            or at < end[0]
            or (at == end[0] and None not in (update, end[1]) and update < end[1])
        ]
        if before:
            found[key] = min(before)
    return found


def items_with_states(tables: Tables) -> set[str]:
    """Return the incidents of whose states a history was kept."""
    kept = {
        change["work_item_key"]
        for change in tables.rows("int_servicenow_state_changes")
        if change["history_source"] != "snapshot"
    }
    is_audited = any(
        change["history_source"] == "audit" and ":incident:" in change["work_item_key"]
        for change in tables.rows("int_servicenow_state_changes")
    )
    for check in staged(tables, "stg_servicenow__history_checks"):
        if is_audited and (check["audit_count"] or 0) > 0:
            kept.add(check["work_item_key"])
    return kept


@recounts("fct_incidents")
def incidents(tables: Tables) -> Iterator[Row]:
    audits = by_item(staged(tables, "stg_servicenow__audits"))
    counts = reassigned(tables)
    flows = tables.by("fct_work_item_flows", "work_item_key")
    present = {
        row["work_item_key"]: row for row in tables.rows("dim_work_items") if row["is_current"]
    }
    records = {
        row["work_item_key"]: row
        for row in staged(tables, "stg_servicenow__tasks")
        if row["table_name"] == "incident" and row["work_item_key"] in flows
    }
    opened = {key: row["opened_at"] or row["created_at"] for key, row in records.items()}
    touched = acknowledged(tables, opened)
    with_states = items_with_states(tables)
    for key, record in records.items():
        own, source, _ = counts[key]
        reopened = number(held(tables, record, audits.get(key, []), "reopen_count")[0])
        seen = flows[key]["reopen_count"]
        if key not in with_states:
            seen = max(seen, reopened) if reopened is not None else seen or None
        verdict, since = held(tables, record, audits.get(key, []), "made_sla")
        resolved = flows[key]["last_done_at"]
        closed = record["closed_at"]
        yield {
            "work_item_key": key,
            "work_item_version_key": present[key]["work_item_version_key"],
            "service_key": present[key]["service_key"],
            "severity": record["severity"],
            "priority": record["priority"],
            "reassignment_count": own,
            "source_reassignment_count": source,
            "reopen_count": seen,
            "source_reopen_count": reopened,
            "time_to_acknowledge_s": seconds(opened[key], touched.get(key)),
            "time_to_resolve_s": seconds(opened[key], resolved),
            "made_sla": truth(verdict),
            "opened_at": opened[key],
            "acknowledged_at": touched.get(key),
            "resolved_at": resolved,
            "closed_at": closed if closed and closed <= tables.as_of else None,
            "sla_missed_at": since if truth(verdict) is False else None,
        }
    words: dict[str, list[Row]] = defaultdict(list)
    for event in staged(tables, "stg_inbox__events"):
        if event["event_type"].startswith("incident."):
            words[f"inbox:incident:{event['producer']}:{event['incident_id']}"].append(event)
    for key, some in words.items():
        some.sort(key=lambda e: (e["occurred_at"], "dp".find(e["event_type"][9]) < 0))
        begun = min(e["started_at"] or e["occurred_at"] for e in some)
        if begun > tables.as_of:
            continue
        is_begin_known = some[0]["event_type"] != "incident.resolved" or bool(some[0]["started_at"])
        resolved = flows[key]["last_done_at"]
        yield {
            **dict.fromkeys(
                (
                    "priority", "reassignment_count", "source_reassignment_count",
                    "source_reopen_count", "time_to_acknowledge_s", "made_sla", "acknowledged_at",
                    "closed_at", "sla_missed_at",
                )
            ),
            "work_item_key": key,
            "work_item_version_key": present[key]["work_item_version_key"],
            "service_key": present[key]["service_key"],
            "severity": ([None] + [e["severity"] for e in some if e["severity"]])[-1],
            "reopen_count": flows[key]["reopen_count"],
            "time_to_resolve_s": seconds(begun, resolved) if is_begin_known else None,
            "opened_at": begun,
            "resolved_at": resolved,
        }  # fmt: skip


def shared(first: tuple[datetime, datetime], second: tuple[datetime, datetime]) -> int:
    """Return the seconds that two spans of time have in common."""
    return max(seconds(max(first[0], second[0]), min(first[1], second[1])), 0)


def approval(tables: Tables, audits: list[Row], stays: list[Row]) -> dict[str, Any]:
    """Return what the audit shows of the approval of a change.

    Whoever asks waits until approval says something else, from the beginning of the change on, and
    not in the time in which it had ended.
    """
    changes = history(
        a for a in audits if a["field"] == "approval" and a["changed_at"] <= tables.as_of
    )
    ends = [
        (stay["entered_at"], stay["exited_at"] or tables.as_of)
        for stay in stays
        if stay["flow_state"] in ("done", "cancelled")
    ]
    born = stays[0]["entered_at"]
    wait, asked, given, by_bot = None, None, None, None
    for no, audit in enumerate(changes):
        until = changes[no + 1]["changed_at"] if no + 1 < len(changes) else tables.as_of
        if audit["to_value"] == "requested":
            span = audit["changed_at"], until
            ended = sum(shared(span, end) for end in ends)
            wait = (wait or 0) + shared(span, (born, tables.as_of)) - ended
            asked = asked or audit["changed_at"]
        if audit["to_value"] == "approved" and given is None:
            given, by_bot = audit["changed_at"], audit["actor_type"] == "bot"
    return {"wait": wait, "asked": asked, "given": given, "by_bot": by_bot}


@recounts("fct_change_requests")
def change_requests(tables: Tables) -> Iterator[Row]:
    audits = by_item(staged(tables, "stg_servicenow__audits"))
    flows = tables.by("fct_work_item_flows", "work_item_key")
    visits = by_item(tables.rows("fct_stage_visits"))
    for record in staged(tables, "stg_servicenow__tasks"):
        key = record["work_item_key"]
        if record["table_name"] != "change_request" or key not in flows:
            continue
        stays = sorted(visits.get(key, ()), key=lambda v: v["visit_seq"])
        approved = approval(tables, audits.get(key, []), stays)
        in_authorisation = [v for v in stays if v["stage"] == "authorize"]
        begun = [v["entered_at"] for v in stays if v["stage"] in ("scheduled", "implement")]
        works = [v for v in stays if v["stage"] == "implement"]
        is_over = bool(works) and stays[-1]["stage"] in ("review", "closed")
        wait = approved["wait"]
        if wait is None and approved["given"] is None and in_authorisation:
            wait = sum(v["elapsed_s"] for v in in_authorisation)
        given = approved["given"]
        if given is None and in_authorisation and begun:
            given = min(begun)
        code = held(tables, record, audits.get(key, []), "close_code")[0]
        words = re.findall("[a-z]+", (code or "").lower())
        is_good = words in (
            ["successful"],
            ["successful", "issues"],
            ["successful", "with", "issues"],
        )
        is_bad = words[:1] in (["unsuccessful"], ["failed"]) or words == ["rejected"]
        is_bad = is_bad or "backed out" in " ".join(words)
        is_standard = record["task_type"] == "standard"
        yield {
            "work_item_key": key,
            "work_item_version_key": flows[key]["work_item_version_key"],
            "change_type": record["task_type"],
            "risk": record["risk"],
            "close_code": code and code.lower(),
            "approval_wait_s": wait,
            "is_automated": (True if is_standard else None)
            if approved["by_bot"] is None
            else approved["by_bot"],
            "is_successful": is_good
            if flows[key]["outcome"] == "done" and (is_good or is_bad)
            else None,
            "requested_at": record["opened_at"] or record["created_at"],
            "approval_requested_at": approved["asked"],
            "approved_at": given,
            "implemented_at": works[-1]["exited_at"] if is_over else None,
            "closed_at": flows[key]["last_done_at"],
        }


@recounts("fct_task_slas")
def agreements(tables: Tables) -> Iterator[Row]:
    now = tables.as_of
    flows = tables.by("fct_work_item_flows", "work_item_key")
    definitions = {d["sla_id"]: d for d in staged(tables, "stg_servicenow__sla_definitions")}
    items = {
        row["source_id"]: row["work_item_key"]
        for row in tables.rows("int_servicenow_records")
        if row["deleted_at"] is None and row["work_item_key"] in flows
    }
    histories = versions(tables)
    gone = {
        row["sys_id"]
        for row in staged(tables, "stg_servicenow__tombstones")
        if row["raw_table"] == "task_slas" and row["state"] == "deleted"
    }
    for sla in staged(tables, "stg_servicenow__task_slas"):
        start, planned = sla["started_at"], sla["planned_end_at"]
        if sla["task_sla_id"] in gone or start is None or start > now:
            continue
        definition = definitions.get(sla["sla_id"]) or {}
        stage = (sla["stage"] or "").lower()
        end = sla["ended_at"] if sla["ended_at"] and sla["ended_at"] <= now else None
        is_active = sla["is_active"] is not False
        is_running = is_active if sla["ended_at"] is None else end is None
        is_over = planned is not None and planned <= now
        if is_running:
            is_broken = is_over and (stage != "paused" or sla["has_breached"] is True)
        elif sla["has_breached"] is not None:
            is_broken = sla["has_breached"]
        else:
            is_broken = end > planned if end and planned else None
        if stage == "cancelled" and not is_running:
            outcome = "cancelled"
        elif is_broken:
            outcome = "breached"
        elif is_running:
            outcome = "running"
        else:
            outcome = "unknown" if is_broken is None else "met"
        times = [t for t in (planned, end) if t]
        key, then = items.get(sla["task_id"]), None
        if key:
            then = version_at(histories[key], max(start, flows[key]["created_at"]))
        yield {
            "task_sla_key": f"servicenow:task_sla:{sla['task_sla_id']}",
            "work_item_key": key,
            "work_item_version_key": then,
            "agreement": definition.get("name"),
            "target": definition.get("target") or "unknown",
            "agreement_type": definition.get("sla_type") or "unknown",
            "outcome": outcome,
            "is_running": is_running,
            "target_s": definition.get("target_s"),
            "elapsed_s": seconds(start, now if is_running else end),
            "counted_s": None if is_running else sla["duration_s"],
            "counted_business_s": None if is_running else sla["business_duration_s"],
            "paused_s": None if is_running else sla["pause_duration_s"],
            "started_at": start,
            "planned_end_at": planned,
            "breached_at": min(times) if is_broken and times else None,
            "ended_at": end,
        }


@recounts("fct_history_flags")
def history_flags(tables: Tables) -> Iterator[Row]:
    """What is odd of histories is taken over; what counters say is counted again."""
    flows = tables.by("fct_work_item_flows", "work_item_key")
    audits = by_item(
        a for a in staged(tables, "stg_servicenow__audits") if a["changed_at"] <= tables.as_of
    )
    flags: list[tuple[str, str, str, str | None, int | None, int | None]] = [
        (f["work_item_key"], f["reason"], f["reason"], f["history_quality"], None, None)
        for f in tables.rows("int_servicenow_history_flags")
        if f["own_count"] is None
    ]
    for key, (own, source, reason) in reassigned(tables).items():
        if reason:
            flags.append((key, reason, reason, None, own, source))
    for task in staged(tables, "stg_servicenow__tasks"):
        key, updates = task["work_item_key"], task["update_count"]
        if key not in audits or updates is None or task["updated_at"] > tables.as_of:
            continue
        numbers = {a["update_no"] for a in audits[key]} - {None}
        if numbers and max(numbers) > updates:
            reason = "updates_beyond_the_count"
        elif len(numbers) < updates:
            reason = "updates_without_audit"
        else:
            continue
        flags.append((key, reason, reason, None, len(numbers), updates))
    for incident in tables.rows("fct_incidents"):
        own, source = incident["reopen_count"], incident["source_reopen_count"]
        if source is not None and own != source:
            more = "reopening_not_counted" if own > source else "counted_without_a_reopening"
            flags.append((incident["work_item_key"], "reopenings", more, None, own, source))
    for key, name, reason, quality, own, source in flags:
        if key in flows:
            yield {
                "history_flag_key": f"{key}:{name}",
                "work_item_key": key,
                "work_item_version_key": flows[key]["work_item_version_key"],
                "reason": reason,
                "history_quality": quality,
                "own_count": own,
                "source_count": source,
            }


@recounts("bridge_work_item_teams")
def teams_of_items(tables: Tables) -> Iterator[Row]:
    for key, some in by_item(tables.rows("dim_work_items")).items():
        # The last version of each team.
        last = {
            version["team_key"]: version["work_item_version_key"]
            for version in sorted(some, key=lambda v: v["valid_from"])
        }
        teams = set(last) - {"unassigned"} or set(last)
        for team in teams:
            yield {
                "work_item_team_key": f"{key}|{team}",
                "work_item_key": key,
                "work_item_version_key": last[team],
                "team_key": team,
                "weight": 1 / len(teams),
            }


@recounts("dim_teams")
def teams(tables: Tables) -> Iterator[Row]:
    def began(line: Row) -> datetime:
        day = line["valid_from"]
        return datetime(day.year, day.month, day.day) if day else ALWAYS

    def ends(line: Row) -> datetime:
        day = line["valid_to"]
        return datetime(day.year, day.month, day.day) if day else NEVER

    lines: dict[str, list[Row]] = defaultdict(list)
    for line in tables.rows("teams"):
        lines[line["team_key"]].append(line)
    named = {line["name"] for line in tables.rows("teams")}
    groups: dict[str, list[str]] = defaultdict(list)
    for group in staged(tables, "stg_servicenow__groups"):
        if group["name"] is not None and group["name"] not in named:
            groups[group["name"]].append(group["group_id"])
    yield {
        "team_key": "unassigned", "name": "Unassigned", "value_stream_key": "unassigned",
        "is_current": True, "valid_from": None, "valid_to": None,
    }  # fmt: skip
    for name, ids in groups.items():
        yield {
            "team_key": f"servicenow:group:{min(ids)}", "name": name,
            "value_stream_key": "unassigned", "is_current": True,
            "valid_from": None, "valid_to": None,
        }  # fmt: skip
    for key, some in lines.items():
        begun = [line for line in some if began(line) <= tables.as_of]
        line = max(begun, key=began) if begun else min(some, key=began)
        yield {
            "team_key": key,
            "name": line["name"],
            "value_stream_key": line["value_stream_key"] or "unassigned",
            "is_current": began(line) <= tables.as_of < ends(line),
            "valid_from": line["valid_from"],
            "valid_to": line["valid_to"],
        }


@recounts("dim_people")
def people(tables: Tables) -> Iterator[Row]:
    kinds: dict[str, set] = defaultdict(set)
    for row in tables.rows("int_status_transitions"):
        kinds[row["actor_key"]].add(row["actor_type"])
    for row in tables.rows("int_changes_unioned"):
        kinds[row["author_key"]].add(row["author_type"])
    for row in tables.rows("int_approvals_unioned"):
        kinds[row["approver_key"]].add(row["approver_type"])
    for row in tables.rows("int_deployments_unioned"):
        kinds[row["deployer_key"]].add(row["deployer_type"])
    kinds.pop(None, None)
    for person, seen in kinds.items():
        yield {
            "person_key": person,
            "actor_type": "bot" if "bot" in seen else "human",
            "team_key": "unassigned",
        }


def month_of(moment: datetime, zone: str) -> date:
    """Return the first day of the month that it is somewhere at a moment of UTC."""
    return moment.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).date().replace(day=1)


def next_month(month: date) -> date:
    return (month + timedelta(days=31)).replace(day=1)


def rank(values: list[int], share: float) -> int:
    """Return the value that at least a share of all do not exceed."""
    return sorted(values)[math.ceil(round(share * len(values), 6)) - 1]


@recounts("metric_incident_sla")
def agreements_of_incidents(tables: Tables) -> Iterator[Row]:
    flows = tables.by("fct_work_item_flows", "work_item_key")
    known = tables.by("fct_incidents", "work_item_key")
    zones = {row["value_stream_key"]: row["time_zone"] for row in tables.rows("dim_value_streams")}
    versions = by_item(tables.rows("dim_work_items"))
    # (item, target, seconds, verdict, start, broken, end); an end of None: it runs
    spans: list[tuple] = []
    for sla in tables.rows("fct_task_slas"):
        if sla["work_item_key"] in known:
            end = None if sla["is_running"] else sla["ended_at"] or sla["started_at"]
            spans.append((
                sla["work_item_key"], sla["target"], sla["counted_s"], sla["outcome"],
                sla["started_at"], sla["breached_at"], end,
            ))  # fmt: skip
    for key, incident in known.items():
        outcome, kept = flows[key]["outcome"], incident["made_sla"]
        if kept is None or outcome == "deleted":
            continue
        end = {"done": incident["resolved_at"], "cancelled": flows[key]["cancelled_at"]}.get(
            outcome
        )
        broken = None if kept else incident["sla_missed_at"] or tables.as_of
        verdict = "cancelled" if outcome == "cancelled" else "met" if kept else "breached"
        spans.append((
            key, "incident", incident["time_to_resolve_s"], verdict, incident["opened_at"],
            broken, end,
        ))  # fmt: skip
    counts: dict[tuple, Counter] = defaultdict(Counter)
    times: dict[tuple, list[int]] = defaultdict(list)
    for key, target, spent, verdict, start, broken, end in spans:
        at = max(end or tables.as_of, known[key]["opened_at"])
        [version] = [
            v for v in versions[key] if v["valid_from"] <= at and at < (v["valid_to"] or NEVER)
        ]
        zone = zones[version["value_stream_key"]]
        group = (
            version["value_stream_key"], version["level"], version["priority"] or "unknown", target
        )  # fmt: skip
        month = month_of(start, zone)
        counts[(month, *group)]["started"] += 1
        while True:
            count = counts[(month, *group)]
            is_last = month == month_of(end or tables.as_of, zone)
            if end is not None and is_last:
                count[verdict if verdict in ("met", "breached") else "unjudged"] += 1
                if verdict in ("met", "breached") and spent is not None:
                    times[(month, *group)].append(spent)
                break
            count["running"] += 1
            if broken is not None and (end is None or broken < end):
                count["running_breached"] += month_of(broken, zone) <= month
            if is_last:
                break
            month = next_month(month)
    for (month, stream, level, priority, target), count in counts.items():
        if not any(count[name] for name in ("running", "met", "breached", "unjudged")):
            continue
        spent = times[month, stream, level, priority, target]
        ended = count["met"] + count["breached"]
        yield {
            "metric_incident_sla_key": "|".join([str(month), stream, level, priority, target]),
            "month_start": month,
            "value_stream_key": stream,
            "level": level,
            "priority": priority,
            "target": target,
            "started": count["started"],
            "ended": ended,
            "met": count["met"],
            "breached": count["breached"],
            "unjudged": count["unjudged"],
            "running": count["running"],
            "running_breached": count["running_breached"],
            "met_share": count["met"] / ended if ended else None,
            "time_n": len(spent),
            "time_p50_s": rank(spent, 0.5) if len(spent) >= 10 else None,
            "time_p85_s": rank(spent, 0.85) if len(spent) >= 10 else None,
            "is_complete_period": month < month_of(tables.as_of, zones[stream]),
        }


@recounts("metric_data_quality")
def data_quality(tables: Tables) -> Iterator[Row]:
    source_of = {
        row["work_item_version_key"]: row["source_system"] for row in tables.rows("dim_work_items")
    }
    versions = {row["work_item_version_key"]: row for row in tables.rows("dim_work_items")}
    flows = tables.by("fct_work_item_flows", "work_item_key")
    affected: Counter = Counter()
    total: Counter = Counter()

    def measure(source: str, name: str, of: bool | int, out_of: int = 1) -> None:
        affected[source, name] += int(of)
        total[source, name] += out_of

    items = Counter(source_of[flow["work_item_version_key"]] for flow in flows.values())
    for flow in flows.values():
        version = versions[flow["work_item_version_key"]]
        source, outcome = version["source_system"], flow["outcome"]
        affected[source, f"history_{flow['history_quality']}"] += 1
        total[source, f"history_{flow['history_quality']}"] = items[source]
        measure(source, "items_without_value_stream", version["value_stream_key"] == "unassigned")
        measure(source, "items_without_team", version["team_key"] == "unassigned")
        measure(source, "items_moved_in_bulk", flow["is_bulk_moved"])
        measure(source, "items_deleted", outcome == "deleted")
        is_done = outcome == "done"
        never_started = is_done and flow["started_at"] is None
        measure(source, "finished_never_started", never_started, int(is_done))
    for visit in tables.rows("fct_stage_visits"):
        if not visit["is_terminal"]:
            spent = visit["elapsed_s"]
            is_unmapped = visit["stage"] == "unmapped"
            source = source_of[visit["work_item_version_key"]]
            measure(source, "seconds_unmapped", spent if is_unmapped else 0, spent)
    for move in tables.rows("fct_status_transitions"):
        source = source_of[move["work_item_version_key"]]
        measure(source, "transitions_synthetic", move["is_synthetic"])
        measure(source, "transitions_by_bots", move["actor_type"] == "bot")
    for flag in tables.rows("fct_history_flags"):
        source = source_of[flows[flag["work_item_key"]]["work_item_version_key"]]
        affected[source, f"flag_{flag['reason']}"] += 1
        total[source, f"flag_{flag['reason']}"] = items[source]
    for incident in tables.rows("fct_incidents"):
        source = source_of[flows[incident["work_item_key"]]["work_item_version_key"]]
        measure(source, "incidents_not_acknowledged", incident["acknowledged_at"] is None)
    for change in tables.rows("fct_change_requests"):
        flow = flows[change["work_item_key"]]
        if flow["outcome"] == "done":
            source = source_of[flow["work_item_version_key"]]
            measure(source, "changes_closed_without_verdict", change["is_successful"] is None)
    for change in tables.rows("fct_changes"):
        for name, first, second in (
            ("coded_after_opening", "first_commit_at", "opened_at"),
            ("reviewed_before_ready", "ready_at", "first_review_at"),
            ("reviewed_after_merge", "first_review_at", "merged_at"),
        ):
            start, end = change[first], change[second]
            are_both = start is not None and end is not None
            flaw = are_both and end < start
            measure(change["source_system"], f"clock_{name}", flaw, int(are_both))
        source = change["source_system"]
        measure(source, "clock_written_before_repository", change["is_written_before_repository"])
        is_behind, is_merged = change["is_behind_first_deployment"], change["merged_at"] is not None
        measure(source, "changes_behind_first_deployment", is_behind, int(is_merged))
    for table in ("runs", "jobs"):
        for row in tables.rows(f"fct_ci_{table}"):
            name = f"clock_ci_{table}_backwards"
            measure(row["source_system"], name, row["is_clock_backwards"])
    named = tables.rows("fct_change_keys")
    every = Counter()
    for row in named:
        every[row["source_system"]] += row["named_keys"]
    for row in named:
        if row["keys_without_item"]:
            source, name = row["source_system"], f"keys_without_item_{row['key_project']}"
            affected[source, name] += row["keys_without_item"]
            total[source, name] = every[source]
    for source, name in total:
        all_of_them = total[source, name]
        yield {
            "metric_data_quality_key": f"{source}|{name}",
            "source_system": source,
            "measure": name,
            "affected": affected[source, name],
            "total": all_of_them,
            "affected_share": affected[source, name] / all_of_them if all_of_them else None,
        }

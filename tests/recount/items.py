"""Recounts of what work items, stages and value streams are."""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from tests.recount.histories import histories
from tests.recount.plain import first, grouped, midnight, valid
from tests.recount.registry import Row, Tables, recounts

PARKED = {"ordinal": 0, "value_class": "waste"}
NO_BOUNDARY = {
    "is_started_boundary": False,
    "is_ready_boundary": False,
    "is_finished_boundary": False,
    "is_blocked": False,
}


@recounts("dim_stages")
def stages(tables: Tables) -> Iterator[Row]:
    """The lines of the seeds; each workflow also has a place for the unmapped and the deleted."""
    own = {(line["workflow"], line["stage"]): line for line in tables.rows("own_stages")}
    defaults = {(line["workflow"], line["stage"]): line for line in tables.rows("stages")}
    lines = list({**defaults, **own}.values())
    for line in lines:
        yield {
            **line,
            "stage_key": f"{line['workflow']}:{line['stage']}",
            "is_blocked": bool(line["is_blocked"]),
        }
    for workflow in {line["workflow"] for line in lines} | {"unassigned"}:
        for stage, flow_state in (("unmapped", "wait"), ("deleted", "cancelled")):
            yield {
                "stage_key": f"{workflow}:{stage}",
                "workflow": workflow,
                "stage": stage,
                "flow_state": flow_state,
                **PARKED,
                **NO_BOUNDARY,
            }


@recounts("dim_value_streams")
def value_streams(tables: Tables) -> Iterator[Row]:
    """The lines of the seed, and the stream of what nobody has."""
    for line in tables.rows("value_streams"):
        yield {
            **line,
            "time_zone": line["time_zone"] or "UTC",
            "calendar": line["calendar"] or "standard",
            "is_default": False,
        }
    said = {line["source_system"] for line in tables.rows("scopes")}
    alone: dict[str, str] = {}
    for version in tables.rows("int_work_item_versions"):
        if version["source_system"] not in said:
            key = default_stream(version["source_system"], version["scope"])
            alone[key] = min(version["scope"], alone.get(key, version["scope"]))
    for key, name in {"unassigned": "Unassigned", **alone}.items():
        yield {
            "value_stream_key": key, "name": name, "kind": "core", "time_zone": "UTC",
            "calendar": "standard", "is_default": key != "unassigned",
            "valid_from": None, "valid_to": None,
        }  # fmt: skip


def default_stream(source: str, scope: str) -> str:
    """Return the stream of a scope of a source that no line of scopes.csv is about."""
    return f"{source}/{scope.replace('|', '-').replace(':', '-')}"


def lives(tables: Tables) -> Iterator[tuple[Row, list[tuple[datetime, dict[str, Any]]]]]:
    """Yield every item with the attributes it had, from each moment on at which one changed."""
    changes = grouped(
        tables.rows("int_work_item_attribute_changes_unioned"),
        "work_item_key",
        by=lambda row: (row["changed_at"], row["order_no"], row["source_event_id"]),
    )
    for item in tables.rows("int_work_items_unioned"):
        had = {
            "item_key": item["item_key"],
            "scope": item["scope"],
            "raw_type": item["raw_type"],
            "priority": item["priority"],
            "points": item["points"],
            "parent": item["parent_work_item_key"],
            "team": item["team_name"],
        }
        seen: set[str] = set()
        # Before its first change an attribute was what that change left.
        for change in changes.get(item["work_item_key"], ()):
            if change["attribute"] not in seen:
                seen.add(change["attribute"])
                had[change["attribute"]] = change["from_value"]
        moments = {item["created_at"]: dict(had)}
        for change in changes.get(item["work_item_key"], ()):
            had[change["attribute"]] = change["to_value"]
            moments[max(change["changed_at"], item["created_at"])] = dict(had)
        yield item, sorted(moments.items(), key=lambda pair: pair[0])


def number(text: Any) -> float | None:
    """Return a number, written or not; None where it is none."""
    try:
        return float(text)
    except (TypeError, ValueError):
        return None


def address(item: Row, key: str) -> str | None:
    """Where an item of either company is opened; a drop folder has no pages."""
    if item["source_system"] == "jira":
        return f"https://northbank.example/browse/{key}"
    if item["source_system"] == "servicenow":
        table = {"request": "sc_req_item"}.get(item["item_kind"], item["item_kind"])
        page = f"{table}.do?sys_id={item['source_id']}"
        return f"https://desk.northbank.example/nav_to.do?uri={page}"
    if item["source_system"] == "inbox":
        return None
    repository, sign, no = re.fullmatch(r"(.*)([#!])(\d+)", key).groups()
    if item["source_system"] == "github":
        kind = "pull" if item["item_kind"] == "pull_request" else "issues"
        return f"https://github.northbank.example/{repository}/{kind}/{no}"
    kind = {"#": "issues", "!": "merge_requests"}[sign]
    return f"https://gitlab.northbank.example/{repository}/-/{kind}/{no}"


@recounts("dim_work_items")
def work_items(tables: Tables) -> Iterator[Row]:
    """An item anew whenever an attribute, or the owner of its scope, team or service changed."""
    scopes = grouped(tables.rows("scopes"), "source_system", "scope")
    teams = grouped(tables.rows("int_teams_unioned"), "name")
    services = grouped(tables.rows("int_services_unioned"), "name")
    types = tables.by("int_work_types", "source_system", "item_kind", "raw_type")
    said = {line["source_system"] for line in tables.rows("scopes")}
    shown = {
        key: [move for move in moves if not move["is_deletion"]][-1]["to_status"]
        for key, moves in histories(tables).items()
    }
    for item, moments in lives(tables):
        pieces = []
        ends = [moment for moment, _ in moments[1:]] + [None]
        for (begins, had), end in zip(moments, ends, strict=True):
            lines = {
                "scope": scopes.get(
                    (item["source_system"], first(had["scope"], item["scope"])), []
                ),
                "team": teams.get(had["team"], []),
                "service": services.get(item["service_name"], []),
            }
            turns = {
                midnight(line[name])
                for some in lines.values()
                for line in some
                for name in ("valid_from", "valid_to")
                if line[name] is not None
            }
            turns = {turn for turn in turns if begins < turn < (end or tables.as_of)}
            pieces += [(begin, had, lines) for begin in (begins, *sorted(turns))]
        for no, (begins, had, lines) in enumerate(pieces, 1):
            scope, team, service = (
                valid(lines[name], begins) or {} for name in ("scope", "team", "service")
            )
            raw_type = first(had["raw_type"], item["raw_type"])
            kind = types[item["source_system"], item["item_kind"], raw_type]
            yield {
                "work_item_version_key": f"{item['work_item_key']}@{no}",
                "work_item_key": item["work_item_key"],
                "source_system": item["source_system"],
                "source_id": item["source_id"],
                "item_key": first(had["item_key"], item["item_key"]),
                "item_url": address(item, first(had["item_key"], item["item_key"])),
                "item_kind": item["item_kind"],
                "scope": first(had["scope"], item["scope"]),
                "raw_type": raw_type,
                "work_type": kind["work_type"],
                "level": "task" if item["is_subtask"] else kind["level"],
                "workflow": kind["workflow"],
                "value_stream_key": first(
                    scope.get("value_stream_key"), service.get("value_stream_key"),
                    team.get("value_stream_key"),
                    "unassigned"
                    if item["source_system"] in said
                    else default_stream(item["source_system"], first(had["scope"], item["scope"])),
                ),
                "team_key": first(
                    team.get("team_key"), scope.get("team_key"), service.get("team_key"),
                    "unassigned",
                ),
                "service_key": first(
                    service.get("service_key"), scope.get("service_key"), "unassigned"
                ),
                "parent_work_item_key": had["parent"],
                "priority": had["priority"],
                "current_status": shown[item["work_item_key"]],
                "points": number(had["points"]),
                "is_current": no == len(pieces),
                "is_deleted": item["deleted_at"] is not None
                and item["deleted_at"] <= tables.as_of,
                "created_at": item["created_at"],
                "valid_from": begins,
                "valid_to": None if no == len(pieces) else pieces[no][0],
            }  # fmt: skip

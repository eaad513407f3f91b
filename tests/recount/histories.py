"""Recounts of the moves of items: between statuses, and between the stages that these mean."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from weakref import WeakKeyDictionary

from tests.recount.plain import (
    ENDS,
    FOREVER,
    first,
    grouped,
    local_day,
    seconds,
    valid,
    version_at,
    versions,
)
from tests.recount.registry import Row, Tables, recounts

_MOVES: WeakKeyDictionary[Tables, dict[str, list[Row]]] = WeakKeyDictionary()


def histories(tables: Tables) -> dict[str, list[Row]]:
    """Return all moves of every item between statuses, its creation first."""
    if tables not in _MOVES:
        _MOVES[tables] = _moves_of_items(tables)
    return _MOVES[tables]


def _moves_of_items(tables: Tables) -> dict[str, list[Row]]:
    changes = grouped(
        tables.rows("int_status_changes_unioned"),
        "work_item_key",
        by=lambda row: (
            row["changed_at"], row["order_no"], row["order_in_event"], row["source_event_id"],
        ),
    )  # fmt: skip
    # Five items and more, moved by one person within one second, were moved by a program.
    crowds = defaultdict(set)
    for key, some in changes.items():
        for change in some:
            if change["changed_at"] <= tables.as_of and change["actor_key"] not in (None, "erased"):
                second = change["changed_at"].replace(microsecond=0)
                crowds[change["actor_key"], second].add(key)
    return {
        item["work_item_key"]: _history(
            tables, item, changes.get(item["work_item_key"], []), crowds
        )
        for item in tables.rows("int_work_items_unioned")
    }


def _history(tables: Tables, item: Row, changes: list[Row], crowds: dict) -> list[Row]:
    as_of, created, shown = tables.as_of, item["created_at"], item["source_status"]
    has_ended = item["ended_at"] is not None and item["ended_at"] > created
    moves: list[Row] = []

    def move(kind: str, to: str, at: datetime, **more: object) -> None:
        moves.append(
            {
                "source_event_id": f"{item['work_item_key']}:{kind}",
                "from_status": moves[-1]["to_status"] if moves else None,
                "to_status": to,
                "changed_at": at,
                "actor_key": None,
                "actor_type": None,
                "is_synthetic": True,
                **{
                    flag: False
                    for flag in (
                        "is_bulk", "is_gap", "is_drift", "is_end_only", "is_deletion",
                        "is_before_creation",
                    )
                },
                **more,
            }
        )  # fmt: skip

    # Born where the first move, even one that is still to come, says it was.
    born = first(
        changes[0]["from_status"] if changes else None,
        item["initial_status"],
        None if has_ended else shown,
        "unknown",
    )
    move("created", born, created)
    happened = [change for change in changes if change["changed_at"] <= as_of]
    for change in happened:
        second = change["changed_at"].replace(microsecond=0)
        move(
            "",
            change["to_status"],
            max(change["changed_at"], created),
            source_event_id=change["source_event_id"],
            actor_key=change["actor_key"],
            actor_type=change["actor_type"],
            is_synthetic=False,
            is_gap=change["from_status"] != moves[-1]["to_status"],
            is_before_creation=change["changed_at"] < created,
            is_bulk=len(crowds.get((change["actor_key"], second), ())) >= 5,
        )
    if happened and shown not in (None, moves[-1]["to_status"]) and item["updated_at"] <= as_of:
        move("drift", shown, max(item["updated_at"], moves[-1]["changed_at"]), is_drift=True)
    if not happened and has_ended and item["ended_at"] <= as_of and shown is not None:
        move("ended", shown, item["ended_at"], is_end_only=True)
    if item["deleted_at"] is not None and item["deleted_at"] <= as_of:
        at = max(item["deleted_at"], moves[-1]["changed_at"])
        move("deleted", "deleted", at, is_deletion=True)
    return [
        {**one, "transition_seq": no}
        for no, one in enumerate(
            (
                one
                for one in moves
                if one is moves[0] or one["is_deletion"] or one["from_status"] != one["to_status"]
            ),
            1,
        )
    ]


@recounts("fct_status_transitions")
def status_transitions(tables: Tables) -> Iterator[Row]:
    """The moves of all items, each with the version of its item."""
    of_items = versions(tables)
    for key, moves in histories(tables).items():
        for move in moves:
            yield {
                "status_transition_key": f"{key}:{move['transition_seq']}",
                "work_item_key": key,
                "work_item_version_key": version_at(of_items[key], move["changed_at"]),
                "actor_type": (move["actor_type"] or "human") if move["actor_key"] else "unknown",
                **{
                    name: move[name]
                    for name in (
                        "transition_seq", "from_status", "to_status", "source_event_id",
                        "actor_key", "is_synthetic", "is_bulk", "changed_at",
                    )
                },
            }  # fmt: skip


@recounts("fct_stage_transitions")
def stage_transitions(tables: Tables) -> Iterator[Row]:
    """The moves that lead to another stage, and where they lead to."""
    of_items = versions(tables)
    zones = {row["value_stream_key"]: row["time_zone"] for row in tables.rows("dim_value_streams")}
    stages = tables.by("dim_stages", "workflow", "stage")
    mapping = grouped(
        tables.rows("int_status_stages"), "source_system", "workflow", "scope", "status"
    )
    resolutions = grouped(tables.rows("int_jira_resolutions"), "work_item_key")
    for key, moves in histories(tables).items():
        item = of_items[key]
        workflow = item[-1]["workflow"]
        stays: list[Row] = []
        leaves = [move["changed_at"] for move in moves[1:]] + [None]
        for move, left in zip(moves, leaves, strict=True):
            at = move["changed_at"]
            version = valid(item, at)
            day = local_day(at, zones[version["value_stream_key"]])
            status = " ".join(move["to_status"].split()).lower()
            line = next(
                (
                    found
                    for scope in (version["scope"], "*")
                    if (
                        found := valid(
                            mapping.get((version["source_system"], workflow, scope, status), []),
                            day,
                        )
                    )
                ),
                None,
            )
            name = line["stage"] if line and (workflow, line["stage"]) in stages else "unmapped"
            # Done is what its last resolution there does not call given up.
            why = None
            if (workflow, name) in stages and stages[workflow, name]["flow_state"] == "done":
                why = next(
                    (
                        span["resolution"]
                        for span in resolutions.get(key, ())
                        if span["outcome"] == "cancelled"
                        and (span["valid_from"] or datetime.min) < (left or FOREVER)
                        and (span["valid_to"] or FOREVER) >= (left or FOREVER)
                    ),
                    None,
                )
            ends = [
                stage["stage"]
                for stage in stages.values()
                if stage["workflow"] == workflow
                and stage["flow_state"] == "cancelled"
                and stage["stage"] != "deleted"
            ]
            name = min(ends) if why and ends else name
            name = "deleted" if move["is_deletion"] else name
            if stays and stays[-1]["stage"]["stage"] == name:
                continue
            stays.append(
                {
                    "stage": stages[workflow, name],
                    "map_version": str(first(line and line["valid_from"], "always")),
                    "version": version,
                    "status": move["to_status"],
                    "resolution": why,
                    "at": at,
                }
            )
        yield from _compared(key, workflow, stays)


def _compared(key: str, workflow: str, stays: list[Row]) -> Iterator[Row]:
    attempt, reached, farthest, before = 1, None, None, None
    for seq, stay in enumerate(stays, 1):
        stage, team = stay["stage"], stay["version"]["team_key"]
        state, was = stage["flow_state"], before and before["stage"]["flow_state"]
        team_before = before and before["version"]["team_key"]
        has_reopened = was in ENDS and state not in ENDS
        if (
            was in ENDS
            and was != state
            and stage["stage"] != "deleted"
            and seconds(before["at"], stay["at"]) > 30 * 86400
        ):
            attempt, farthest = attempt + 1, None
        # Parked, or given up, an item is as far as it was; a reopened one is nowhere yet.
        place = stage["ordinal"] if stage["ordinal"] > 0 and state != "cancelled" else None
        is_from = reached
        if place is not None or has_reopened:
            reached = place
        if before is None:
            direction = "new"
        elif state in ENDS:
            direction = {"cancelled": "cancel", "done": "finish"}[state]
        elif has_reopened:
            direction = "reopen"
        elif place is None or is_from is None or place == is_from:
            direction = "lateral"
        else:
            direction = "forward" if place > is_from else "backward"
        yield {
            "stage_transition_key": f"{key}:{seq}",
            "work_item_key": key,
            "work_item_version_key": stay["version"]["work_item_version_key"],
            "transition_seq": seq,
            "attempt_no": attempt,
            "workflow": workflow,
            "from_stage": before and before["stage"]["stage"],
            "to_stage": stage["stage"],
            "to_status": stay["status"],
            "resolution": stay["resolution"],
            "map_version": stay["map_version"],
            "direction": direction,
            "from_team_key": team_before,
            "to_team_key": team,
            "is_handover": team_before not in (None, "unassigned", team) and team != "unassigned",
            "is_rework": state not in ENDS
            and None not in (reached, farthest)
            and reached < farthest,
            "changed_at": stay["at"],
        }
        farthest = max((one for one in (farthest, place) if one is not None), default=None)
        before = stay

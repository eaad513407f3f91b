"""Recounts of where items stayed, how long and blocked by what, and of who handed them over."""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise

from tests.recount.plain import (
    ENDS,
    FOREVER,
    grouped,
    seconds,
    stretches,
    version_at,
    versions,
)
from tests.recount.registry import Row, Tables, recounts


def stays(tables: Tables) -> Iterator[tuple[str, list[Row]]]:
    """Yield every item with its stays: the move that began it, its stage, and when it was left."""
    stages = tables.by("dim_stages", "workflow", "stage")
    moves = grouped(
        tables.rows("fct_stage_transitions"), "work_item_key", by=lambda row: row["transition_seq"]
    )
    for key, some in moves.items():
        left = [move["changed_at"] for move in some[1:]] + [None]
        yield key, [
            {"move": move, "stage": stages[move["workflow"], move["to_stage"]],
             "from": move["changed_at"], "to": to}
            for move, to in zip(some, left, strict=True)
        ]  # fmt: skip


def awaited(tables: Tables) -> dict[str, list[Row]]:
    """Return what each item waited for: another item, from the link on and until that one ended."""
    scopes = {row["work_item_key"]: row["scope"] for row in tables.rows("int_work_items_unioned")}
    unfinished: dict[str, dict[int, list[datetime]]] = {}
    for key, some in stays(tables):
        ends, spans = 0, {}
        for stay in some:
            if stay["stage"]["flow_state"] in ENDS:
                ends += 1
            else:
                spans.setdefault(ends, [stay["from"], FOREVER])[1] = stay["to"] or FOREVER
        unfinished[key] = spans
    found = defaultdict(list)
    for link in tables.rows("int_work_item_links_unioned"):
        other, item = link["from_key"], link["to_key"]
        if link["link_type"] != "blocks" or link["valid_from"] is None:
            continue
        for no, (begins, ends) in unfinished.get(other, {}).items():
            start, end = max(link["valid_from"], begins), min(link["valid_to"] or FOREVER, ends)
            if start < end:
                found[item].append(
                    {
                        "blocked_interval_key": f"{link['source_link_id']}:{no}",
                        "blocking_work_item_key": other,
                        "reason": scopes[other],
                        "source": "link",
                        "blocked_from": start,
                        "blocked_to": end,
                    }
                )
    return found


@recounts("fct_blocked_intervals")
def blocked_intervals(tables: Tables) -> Iterator[Row]:
    """Flags and other items' blocks as far as the item was in flow; stays that mean blocked."""
    flags = grouped(tables.rows("int_blocked_intervals"), "work_item_key")
    for key, blocks in awaited(tables).items():
        flags[key] = [*flags.get(key, ()), *blocks]
    of_items = versions(tables)

    def block(
        item: str, key: str, reason: str, source: str, start: datetime, end: datetime,
        other: str | None = None,
    ) -> Row:  # fmt: skip
        return {
            "blocked_interval_key": key,
            "work_item_key": item,
            "work_item_version_key": version_at(of_items[item], start),
            "blocking_work_item_key": other,
            "reason": reason,
            "source": source,
            "blocked_from": start,
            "blocked_to": None if end == FOREVER else end,
        }

    for key, some in stays(tables):
        in_flow: dict[int, list[tuple[datetime, datetime]]] = {}
        interruptions = 0
        for stay in some:
            to = stay["to"] or FOREVER
            if stay["stage"]["flow_state"] not in ("wait", "active"):
                interruptions += 1
                continue
            in_flow.setdefault(interruptions, []).append((stay["from"], to))
            if stay["stage"]["is_blocked"] and stay["from"] < to:
                no = stay["move"]["transition_seq"]
                reason = stay["move"]["to_status"]
                yield block(key, f"{key}:status:{no}", reason, "status", stay["from"], to)
        for no, spans in in_flow.items():
            for flag in flags.get(key, ()):
                start = max(flag["blocked_from"], spans[0][0])
                end = min(flag["blocked_to"] or FOREVER, spans[-1][1])
                if start < end:
                    name = f"{flag['blocked_interval_key']}:{no}"
                    other = flag.get("blocking_work_item_key")
                    yield block(key, name, flag["reason"], flag["source"], start, end, other)


class Hours:
    """The opening hours of every calendar in every time zone, day by day."""

    def __init__(self, tables: Tables) -> None:
        self._open = {}
        for place, days in grouped(
            tables.rows("dim_calendars"), "calendar", "time_zone", by=lambda row: row["date_day"]
        ).items():
            open_days = [day for day in days if day["open_s"] > 0]
            self._open[place] = (open_days, [day["closes_at"] for day in open_days])

    def between(self, place: tuple[str, str], start: datetime, end: datetime) -> int:
        """Return the seconds within opening hours, day after day."""
        days, closings = self._open[place]
        total = 0
        for no in range(bisect_left(closings, start), len(days)):
            day = days[no]
            if day["opens_at"] >= end:
                break
            total += max(0, seconds(max(start, day["opens_at"]), min(end, day["closes_at"])))
        return total


@recounts("fct_stage_visits")
def stage_visits(tables: Tables) -> Iterator[Row]:
    """The stays of items: how long, how much of it in working hours, active, waiting, blocked."""
    hours = Hours(tables)
    streams = tables.by("dim_value_streams", "value_stream_key")
    of_versions = tables.by("dim_work_items", "work_item_version_key")
    blocks = grouped(tables.rows("fct_blocked_intervals"), "work_item_key")
    for key, some in stays(tables):
        blocked = stretches(
            (block["blocked_from"], block["blocked_to"] or tables.as_of)
            for block in blocks.get(key, ())
        )
        seen: Counter[str] = Counter()
        for stay in some:
            move, stage = stay["move"], stay["stage"]
            seen[stage["stage_key"]] += 1
            state, start = stage["flow_state"], stay["from"]
            is_terminal = stay["to"] is None and state in ENDS
            row = {
                "stage_visit_key": f"{key}:{move['transition_seq']}",
                "work_item_key": key,
                "work_item_version_key": move["work_item_version_key"],
                "visit_seq": move["transition_seq"],
                "attempt_no": move["attempt_no"],
                "stage_key": stage["stage_key"],
                "stage": stage["stage"],
                "flow_state": state,
                "map_version": move["map_version"],
                "visit_no": seen[stage["stage_key"]],
                "is_open": stay["to"] is None and not is_terminal,
                "is_terminal": is_terminal,
                "is_rework": move["is_rework"],
                "entered_at": start,
                "exited_at": stay["to"],
            }
            times = dict.fromkeys(
                ("elapsed_s", "business_s", "active_s", "wait_s", "blocked_s",
                 "active_business_s", "wait_business_s")
            )  # fmt: skip
            if not is_terminal:
                end = stay["to"] or tables.as_of
                stream = streams[of_versions[move["work_item_version_key"]]["value_stream_key"]]
                place = (stream["calendar"], stream["time_zone"])
                pieces = [
                    (max(start, since), min(end, until))
                    for since, until in (blocked if state in ("wait", "active") else ())
                    if since < end and until > start
                ]
                whole = (seconds(start, end), hours.between(place, start, end))
                held = (
                    sum(seconds(*piece) for piece in pieces),
                    sum(hours.between(place, *piece) for piece in pieces),
                )
                waits = held if state == "active" else whole
                times = {
                    "elapsed_s": whole[0], "business_s": whole[1], "blocked_s": held[0],
                    "active_s": whole[0] - waits[0], "wait_s": waits[0],
                    "active_business_s": whole[1] - waits[1], "wait_business_s": waits[1],
                }  # fmt: skip
            yield row | times


@recounts("fct_work_item_stages")
def work_item_stages(tables: Tables) -> Iterator[Row]:
    """All stays of an item in one stage together, but for the one it ended with."""
    visits = grouped(
        tables.rows("fct_stage_visits"), "work_item_key", "stage", by=lambda row: row["visit_seq"]
    )
    for (key, stage), some in visits.items():
        passed = [visit for visit in some if visit["elapsed_s"] is not None]
        if passed:
            yield {
                "work_item_stage_key": f"{key}:{stage}",
                "work_item_key": key,
                "work_item_version_key": passed[-1]["work_item_version_key"],
                "stage_key": passed[0]["stage_key"],
                "stage": stage,
                "flow_state": passed[0]["flow_state"],
                "visit_count": len(passed),
                "stage_total_s": sum(visit["elapsed_s"] for visit in passed),
                "first_pass_s": passed[0]["elapsed_s"],
                "active_s": sum(visit["active_s"] for visit in passed),
                "wait_s": sum(visit["wait_s"] for visit in passed),
                "first_entered_at": passed[0]["entered_at"],
                "last_entered_at": passed[-1]["entered_at"],
            }


@recounts("fct_handovers")
def handovers(tables: Tables) -> Iterator[Row]:
    """Versions of an item that have another team than the one before, and where it was then."""
    visits = grouped(
        tables.rows("fct_stage_visits"), "work_item_key", by=lambda row: row["visit_seq"]
    )
    for key, some in versions(tables).items():
        for before, after in pairwise(some):
            teams = (before["team_key"], after["team_key"])
            if teams[0] == teams[1] or "unassigned" in teams:
                continue
            at = after["valid_from"]
            visit = [visit for visit in visits[key] if visit["entered_at"] <= at][-1]
            yield {
                "handover_key": after["work_item_version_key"],
                "work_item_key": key,
                "work_item_version_key": after["work_item_version_key"],
                "from_team_key": teams[0],
                "to_team_key": teams[1],
                "stage_key": visit["stage_key"],
                "stage": visit["stage"],
                "handed_over_at": at,
            }

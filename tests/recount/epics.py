"""Recounts of what lies beneath an epic: its active time by month, its events, its progress."""

import zlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property, lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from tests.recount.forecasts import (
    SEED,
    TRIALS,
    Holidays,
    by_certainty,
    futures,
    groups,
    holidays_of,
    reached,
    size,
    stays_of_items,
    window_of,
)
from tests.recount.periods import day_in, zones
from tests.recount.plain import UTC, grouped, local_day
from tests.recount.registry import Row, Tables, recounts

SECOND = timedelta(seconds=1)


@lru_cache(maxsize=4)
def beneath(tables: Tables) -> dict[str, list[tuple[str, datetime, datetime]]]:
    """Return what lay beneath each epic up to three levels below it, and from when to when."""
    below: dict[str, list[tuple[str, datetime, datetime]]] = defaultdict(list)
    for link in tables.rows("bridge_work_item_links"):
        if link["link_type"] == "parent":
            span = link["valid_from"], link["valid_to"] or tables.as_of
            below[link["to_key"]].append((link["from_key"], *span))
    found = defaultdict(list)
    for row in tables.rows("dim_work_items"):
        if not row["is_current"] or row["level"] != "epic":
            continue
        nearest = [(row["work_item_key"], datetime.min, datetime.max)]
        for _ in range(3):
            nearest = [
                (child, max(begins, since), min(ends, until))
                for key, since, until in nearest
                for child, begins, ends in below[key]
                if max(begins, since) < min(ends, until)
            ]
            found[row["work_item_key"]] += nearest
    return found


def months(start: datetime, end: datetime, zone: str) -> Iterator[tuple[datetime, datetime, str]]:
    """Yield the parts of a time that lie in one month of a time zone, with its first day."""
    day = local_day(start, zone).replace(day=1)
    while start < end:
        later = (day + timedelta(days=32)).replace(day=1)
        midnight = datetime(later.year, later.month, 1, tzinfo=ZoneInfo(zone))
        until = min(end, midnight.astimezone(UTC).replace(tzinfo=None))
        yield start, until, day
        start, day = until, later


def worked(visit: Row, blocks: list[Row], as_of: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Yield the parts of a visit in which nothing blocked the item."""
    at, end = visit["entered_at"], visit["exited_at"] or as_of
    for block in sorted(blocks, key=lambda row: row["blocked_from"]):
        if block["blocked_from"] > at:
            yield at, min(end, block["blocked_from"])
        at = max(at, block["blocked_to"] or as_of)
        if at >= end:
            return
    yield at, end


@recounts("fct_capitalisation_evidence")
def capitalisation_evidence(tables: Tables) -> Iterator[Row]:
    """Epics by month, level and type of work."""
    zones = {row["value_stream_key"]: row["time_zone"] for row in tables.rows("dim_value_streams")}
    versions = tables.by("dim_work_items", "work_item_version_key")
    epics = {row["work_item_key"]: row for row in versions.values() if row["is_current"]}
    blocks = grouped(tables.rows("fct_blocked_intervals"), "work_item_key")
    visits = defaultdict(list)
    for visit in tables.rows("fct_stage_visits"):
        if visit["flow_state"] == "active":
            visits[visit["work_item_key"]].append(visit)
    flows = tables.by("fct_work_item_flows", "work_item_key")
    states = tables.by("dim_stages", "stage_key")
    transitions = {
        (row["work_item_key"], row["changed_at"]): row["stage_transition_key"]
        for row in sorted(
            tables.rows("fct_stage_transitions"), key=lambda row: -row["transition_seq"]
        )
        if states[f"{row['workflow']}:{row['to_stage']}"]["flow_state"] in ("wait", "active")
    }
    changes = tables.by("fct_changes", "change_key")
    brought = tables.by("bridge_deployment_changes", "change_key")
    released = defaultdict(list)
    for link in tables.rows("bridge_work_item_links"):
        change = changes.get(link["from_key"])
        is_live = change and change["deployed_at"] and link["from_key"] in brought
        if link["link_type"] == "implements" and is_live:
            deployment = brought[link["from_key"]]["deployment_key"]
            released[link["to_key"]].append((change["deployed_at"], deployment))
    for epic, members in beneath(tables).items():
        zone = zones[epics[epic]["value_stream_key"]]
        parts: dict[tuple, list[tuple[timedelta, str]]] = defaultdict(list)
        for item, since, until in members:
            for visit in visits[item]:
                version = versions[visit["work_item_version_key"]]
                for start, end in worked(visit, blocks.get(item, []), tables.as_of):
                    for a, b, month in months(max(start, since), min(end, until), zone):
                        parts[month, version["level"], version["work_type"]].append((b - a, item))
        first = min((one for item, _, _ in members for one in released[item]), default=(None, None))
        committed = flows[epic]["committed_at"]
        for (month, level, work_type), times in parts.items():
            active_s = sum((time for time, _ in times), timedelta()) // SECOND
            if active_s:
                yield {
                    "capitalisation_evidence_key": f"{epic}|{month}|{level}|{work_type}",
                    "work_item_key": epic,
                    "work_item_version_key": epics[epic]["work_item_version_key"],
                    "level": level,
                    "work_type": work_type,
                    "active_s": active_s,
                    "item_count": len({item for _, item in times}),
                    "committed_stage_transition_key": transitions.get((epic, committed)),
                    "first_release_deployment_key": first[1],
                    "committed_at": committed,
                    "first_scope_at": min(since for _, since, _ in members),
                    "last_scope_at": max(since for _, since, _ in members),
                    "first_release_at": first[0],
                    "month_start": month,
                }


@dataclass(frozen=True)
class Child:
    """A stay of an item that is not cancelled, while it lay beneath another one."""

    item: str
    is_done: bool
    is_own: bool
    started: date | None
    entered: date
    since: date
    until: date

    def is_there(self, day: date) -> bool:
        return self.since <= day < self.until


@lru_cache(maxsize=4)
def children_of(tables: Tables) -> dict[tuple[str, str, str], list[Child]]:
    """Return the stays of children, by the item above, their workflow and their level."""
    local, versions = zones(tables), tables.by("dim_work_items", "work_item_version_key")
    now = {row["work_item_key"]: row for row in versions.values() if row["is_current"]}
    started = starts(tables)
    above = grouped(
        (row for row in tables.rows("bridge_work_item_links") if row["link_type"] == "parent"),
        "from_key",
    )
    found = defaultdict(list)
    for visit in tables.rows("fct_stage_visits"):
        item, then = visit["work_item_key"], versions[visit["work_item_version_key"]]
        if visit["flow_state"] == "cancelled":
            continue
        zone = local[then["value_stream_key"]]
        for link in above.get(item, []):
            since = max(visit["entered_at"], link["valid_from"])
            until = min(visit["exited_at"] or datetime.max, link["valid_to"] or datetime.max)
            if since >= until or link["to_key"] not in now:
                continue
            found[link["to_key"], now[item]["workflow"], then["level"]].append(
                Child(
                    item, visit["flow_state"] == "done",
                    then["value_stream_key"] == now[link["to_key"]]["value_stream_key"],
                    started[item] and day_in(zone, started[item]),
                    *(day_in(zone, at) for at in (visit["entered_at"], since)),
                    date.max if until == datetime.max else day_in(zone, until),
                )
            )  # fmt: skip
    return found


def age_on(day: date, children: list[Child]) -> int:
    """Return for how many days the open child has been worked on that was taken up last."""
    starts = [min(c.started or day, day) for c in children if c.is_there(day) and not c.is_done]
    return (day - max(starts, default=day)).days


@dataclass(frozen=True)
class Pace:
    """What a stream had finished at the end of a day: its blocks, and the stays in done."""

    group: tuple[str, str, str]
    origin: date
    rows: list[list[int]]
    stays: list[tuple[str, date, date]]
    holidays: Holidays

    @cached_property
    def so_far(self) -> np.ndarray:
        """Return what each future of the stream has finished by the end of each day."""
        name = zlib.crc32("|".join(self.group).encode())
        stream = np.random.default_rng([SEED, self.origin.toordinal(), name])
        drawn = futures(self.rows, 730, self.origin, self.holidays, stream)
        return np.cumsum(drawn, axis=1)

    @cached_property
    def recent(self) -> list[tuple[str, date]]:
        """Return what was finished in the window, and when."""
        begins = self.origin - timedelta(days=size(self.rows)[0] - 1)
        return [
            (item, came)
            for item, came, gone in self.stays
            if begins <= came <= self.origin < gone
        ]  # fmt: skip

    def drawn(
        self, key: str, left: int, of_epic: int, age: int, tables: Tables
    ) -> dict[int, int | None]:
        """Return by certainty after how many days the last of the open children is done."""
        own = np.random.default_rng([SEED, self.origin.toordinal(), zlib.crc32(key.encode())])
        share = own.beta(of_epic + 0.5, size(self.rows)[1] - of_epic + 0.5, TRIALS)
        needed = left + own.negative_binomial(left, share)
        days = reached(needed, self.so_far)
        started, zone = starts(tables), zones(tables)[self.group[0]]
        times = [
            (came - day_in(zone, started[item])).days
            for item, came in self.recent
            if started[item] and day_in(zone, started[item]) <= came
        ]
        longer = sorted(time - age for time in times if time >= age)
        if longer:
            picks = own.integers(0, len(longer), TRIALS, dtype=np.int32)
            days = [max(day, longer[pick]) for day, pick in zip(days, picks, strict=True)]
        return by_certainty(days, self.origin, self.holidays)


@lru_cache(maxsize=4)
def starts(tables: Tables) -> dict[str, datetime | None]:
    """Return when work on each item first started."""
    return {row["work_item_key"]: row["started_at"] for row in tables.rows("fct_work_item_flows")}


@lru_cache(maxsize=10)
def pace_on(origin: date, first: date, group: tuple, tables: Tables) -> Pace | None:
    """Return the pace of a stream at the end of a day; none where it had finished too little."""
    stays = stays_of_items(tables).get(group, [])
    rows = window_of([(came, gone) for _, came, gone in stays], first, origin)
    return Pace(group, origin, rows, stays, holidays_of(group[0], tables)) if rows else None


def forecast(key: str, epic: str, left: int, pace: Pace | None, tables: Tables) -> Row:
    """Return what is forecast of an item, or why nothing is."""
    names = ("window_days", "n", "window_done_count", "trials", "seed", "origin_date")
    dates = ("done_p50_date", "done_p85_date", "done_p95_date")
    nothing: Row = dict.fromkeys((*names, *dates))
    if not left:
        return {"no_forecast_reason": "nothing_is_open", **nothing}
    if pace is None:
        return {"no_forecast_reason": "stream_finished_too_little", **nothing}
    of_epic = sum(parents(tables).get(item) == epic for item, _ in pace.recent)
    told = (*size(pace.rows), of_epic, TRIALS, SEED, pace.origin)
    found: Row = {"no_forecast_reason": None, **nothing, **dict(zip(names, told, strict=True))}
    if not of_epic:
        return found | {"no_forecast_reason": "no_child_was_finished"}
    age = age_on(pace.origin, children_of(tables).get((epic, *pace.group[1:]), []))
    days = pace.drawn(key, left, of_epic, age, tables)
    for percentile, name in zip((50, 85, 95), dates, strict=True):
        found[name] = days[percentile] and pace.origin + timedelta(days=days[percentile])
    if found["done_p50_date"] is None:
        found["no_forecast_reason"] = "later_than_730_days"
    return found


@recounts("metric_epic_backtests")
def epic_backtests(tables: Tables) -> Iterator[Row]:
    """Every twelve weeks back, epic by epic."""
    now = {row["work_item_key"]: row for row in tables.rows("dim_work_items") if row["is_current"]}
    known = {group: (first, last) for group, _, first, last, _ in groups(tables)}
    families = sorted(
        children_of(tables).items(), key=lambda pair: (now[pair[0][0]]["value_stream_key"], pair[0])
    )
    for (epic, workflow, level), children in families:
        group = now[epic]["value_stream_key"], workflow, level
        first, last = known.get(group, (date.max, date.min))
        key, origin = f"{epic}|{workflow}|{level}", last
        while origin - first >= timedelta(days=84):
            origin -= timedelta(days=84)
            left = {c.item for c in children if c.is_there(origin) and not c.is_done}
            pace = pace_on(origin, first, group, tables) if left else None
            if pace is None:
                continue
            recent = set(pace.recent)
            of_epic = sum(
                c.is_done and c.is_own and c.is_there(origin) and (c.item, c.entered) in recent
                for c in children
            )
            if not of_epic:
                continue
            drawn = pace.drawn(key, len(left), of_epic, age_on(origin, children), tables)
            for percentile, days in drawn.items():
                ends = None if days is None else origin + timedelta(days=days)
                if ends is None or ends > last:
                    continue
                late = left & {c.item for c in children if c.is_there(ends) and not c.is_done}
                yield {
                    "metric_epic_backtest_key": f"{key}|{percentile}|{origin}",
                    "work_item_key": epic,
                    "value_stream_key": group[0],
                    "workflow": workflow,
                    "level": level,
                    "percentile": percentile,
                    "open_count": len(left),
                    "late_count": len(late),
                    "n": size(pace.rows)[1],
                    "window_done_count": of_epic,
                    "is_hit": not late,
                    "origin_date": origin,
                    "forecast_date": ends,
                }


@lru_cache(maxsize=4)
def parents(tables: Tables) -> dict[str, str]:
    """Return the parent that each item has now."""
    return {
        row["work_item_key"]: row["parent_work_item_key"]
        for row in tables.rows("dim_work_items")
        if row["is_current"] and row["parent_work_item_key"]
    }


@recounts("metric_epic_progress")
def epic_progress(tables: Tables) -> Iterator[Row]:
    """Items with children, one by one."""
    items = {
        row["work_item_key"]: row for row in tables.rows("dim_work_items") if row["is_current"]
    }
    flows = tables.by("fct_work_item_flows", "work_item_key")
    paces = {
        group: pace_on(last, first, group, tables) for group, _, first, last, _ in groups(tables)
    }
    families: dict[tuple, list[str]] = defaultdict(list)
    for child, parent in parents(tables).items():
        if parent in items and flows[child]["outcome"] != "deleted":
            families[parent, items[child]["workflow"], items[child]["level"]].append(child)
    for (parent, workflow, level), children in families.items():
        ended: dict[str, list[str]] = defaultdict(list)
        for child in children:
            ended[flows[child]["outcome"]].append(child)
        points: dict[Any, list[float]] = {
            outcome: [items[c]["points"] for c in some if items[c]["points"] is not None]
            for outcome, some in ended.items()
        }
        counted = [*points.get("open", []), *points.get("done", [])]
        meant = len(children) - len(ended["cancelled"])
        stream, key = items[parent]["value_stream_key"], f"{parent}|{workflow}|{level}"
        starts = [flows[c]["started_at"] for c in children if flows[c]["started_at"]]
        ends = [flows[c]["last_done_at"] for c in children if flows[c]["last_done_at"]]
        yield {
            "metric_epic_progress_key": key,
            "work_item_key": parent,
            "work_item_version_key": items[parent]["work_item_version_key"],
            "value_stream_key": stream,
            "epic_level": items[parent]["level"],
            "outcome": flows[parent]["outcome"],
            "workflow": workflow,
            "level": level,
            "child_count": len(children),
            "done_count": len(ended["done"]),
            "cancelled_count": len(ended["cancelled"]),
            "open_count": len(ended["open"]),
            "started_count": sum(flows[c]["started_at"] is not None for c in ended["open"]),
            "done_share": len(ended["done"]) / meant if meant else None,
            "points": sum(counted) if counted else None,
            "done_points": sum(points.get("done", [])) if counted else None,
            "first_started_at": min(starts, default=None),
            "last_done_at": max(ends, default=None),
            **forecast(
                key, parent, len(ended["open"]), paces.get((stream, workflow, level)), tables
            ),
        }


@recounts("metric_dependencies")
def dependencies(tables: Tables) -> Iterator[Row]:
    """Pairs of value streams of which items of one block items of the other."""
    now = {row["work_item_key"]: row for row in tables.rows("dim_work_items") if row["is_current"]}
    streams = {key: row["value_stream_key"] for key, row in now.items()}
    is_open = {
        row["work_item_key"]: row["outcome"] == "open" for row in tables.rows("fct_work_item_flows")
    }
    links: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for link in tables.rows("bridge_work_item_links"):
        if link["link_type"] == "blocks":
            links[link["from_key"], link["to_key"]].append(link)
    pairs: dict[tuple[str, str, str], list[tuple[str, str]]] = defaultdict(list)
    for one, other in links:
        pairs[streams[one], streams[other], now[other]["level"]].append((one, other))
    seconds: dict[tuple[str, str, str], int] = defaultdict(int)
    spans: dict[tuple[str, str], list[tuple[datetime, datetime]]] = defaultdict(list)
    for block in tables.rows("fct_blocked_intervals"):
        if block["source"] == "link":
            by, item = streams[block["blocking_work_item_key"]], block["work_item_key"]
            spans[by, item].append((block["blocked_from"], block["blocked_to"] or tables.as_of))
    waiting: dict[tuple[str, str, str], int] = defaultdict(int)
    for (by, item), times in spans.items():
        cell, reached = (by, streams[item], now[item]["level"]), datetime.min
        waiting[cell] += 1
        for start, end in sorted(times):
            seconds[cell] += max(end - max(start, reached), timedelta()) // SECOND
            reached = max(reached, end)
    for (by, stream, level), members in pairs.items():
        dated = sum(any(link["valid_from"] for link in links[pair]) for pair in members)
        yield {
            "metric_dependency_key": f"{by}|{stream}|{level}",
            "blocking_value_stream_key": by,
            "value_stream_key": stream,
            "level": level,
            "is_between_streams": by != stream,
            "dependency_count": len(members),
            "open_dependency_count": sum(
                is_open[one]
                and is_open[other]
                and any(
                    (link["valid_from"] is None or link["valid_from"] <= tables.as_of)
                    and (link["valid_to"] is None or link["valid_to"] > tables.as_of)
                    for link in links[one, other]
                )
                for one, other in members
            ),
            "dated_dependency_count": dated,
            "dependent_items": len({other for _, other in members}),
            "held_up_items": waiting[by, stream, level],
            "dependency_wait_s": seconds[by, stream, level] if dated else None,
        }

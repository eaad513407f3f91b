"""Recounts of the constraint: station by station, turn by turn.

Times in which somebody queues or is worked on are lists of spans here, not running sums; shares of
a window are measured on them anew for every window.
"""

from bisect import bisect_left, bisect_right, insort
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property
from itertools import pairwise

from tests.recount.plain import stretches
from tests.recount.registry import Row, Tables, recounts
from tests.recount.stocks import Piece, begins, local_day, pieces, second

WEEK = timedelta(days=7)
WINDOW = 13
LEAST_VISITS = 30

Span = tuple[int, int]


@dataclass
class Station:
    """A stage of work with the queue before it, or a queue that no work follows."""

    stage: Row
    queues: list[Piece] = field(default_factory=list)
    works: list[Piece] = field(default_factory=list)
    queue_spans: list[Span] = field(default_factory=list)
    work_spans: list[Span] = field(default_factory=list)
    visits: list[Row] = field(default_factory=list)

    @property
    def is_gate(self) -> bool:
        return self.stage["flow_state"] == "wait"

    @cached_property
    def queued(self) -> "Time":
        """When somebody queues."""
        return Time(joined(self.queue_spans))

    @cached_property
    def levels(self) -> list[tuple[int, int, int]]:
        """When how many are worked on, where it is somebody."""
        steps: Counter = Counter()
        for start, end in self.work_spans:
            steps[start] += 1
            steps[end] -= 1
        found, level, before = [], 0, None
        for at in sorted(steps):
            if level and before is not None and before < at:
                found.append((before, at, level))
            level, before = level + steps[at], at
        return found


class Time:
    """Some time, as spans that do not touch, of which parts can be measured."""

    def __init__(self, spans: list[Span]) -> None:
        self.spans = spans
        self.starts = [start for start, _ in spans]
        self.before = [0]
        for start, end in spans:
            self.before.append(self.before[-1] + end - start)

    def until(self, at: int) -> int:
        """Return how much of it lies before a moment."""
        place = bisect_right(self.starts, at)
        if not place:
            return 0
        start, end = self.spans[place - 1]
        return self.before[place - 1] + min(end, at) - start

    def within(self, start: int, end: int) -> int:
        """Return how much of it lies between two moments."""
        return self.until(end) - self.until(start)

    def shared(self, other: "Time") -> "Time":
        """Return the time that is both."""
        found, theirs = [], iter(other.spans)
        span = next(theirs, None)
        for start, end in self.spans:
            while span and span[1] <= start:
                span = next(theirs, None)
            while span and span[0] < end:
                found.append((max(start, span[0]), min(end, span[1])))
                if span[1] > end:
                    break
                span = next(theirs, None)
        return Time([span for span in found if span[0] < span[1]])


def joined(spans: Iterable[Span]) -> list[Span]:
    """Return the time that any of some spans covers, in spans that do not touch."""
    return [(start, end) for start, end in stretches(spans) if start < end]  # type: ignore[arg-type]


def without(span: Span, others: list[Span]) -> list[Span]:
    """Return what is left of a span where others are taken out."""
    left, at = [], span[0]
    for start, end in others:
        if end <= at or start >= span[1]:
            continue
        if start > at:
            left.append((at, start))
        at = max(at, end)
    if at < span[1]:
        left.append((at, span[1]))
    return left


def station_of(stages: list[Row]) -> dict[str, Row]:
    """Return for each stage of a workflow that waits or works the stage that it waits for."""
    homes = {}
    for stage in stages:
        if stage["flow_state"] not in ("wait", "active") or stage["ordinal"] <= 0:
            continue
        later = [
            other
            for other in stages
            if other["flow_state"] == "active" and other["ordinal"] >= stage["ordinal"]
        ]
        home = min(later, key=lambda other: (other["ordinal"], other["stage_key"]), default=stage)
        homes[stage["stage_key"]] = stage if stage["flow_state"] == "active" else home
    return homes


def lines(tables: Tables) -> dict[tuple, dict[str, Station]]:
    """Return the stations of each value stream, workflow and level, by key."""
    kept = getattr(tables, "_lines", None)
    if kept is not None:
        return kept
    now = second(tables.as_of)
    workflows: dict[str, list[Row]] = defaultdict(list)
    for stage in tables.rows("dim_stages"):
        workflows[stage["workflow"]].append(stage)
    homes = {name: station_of(stages) for name, stages in workflows.items()}
    blocks: dict[str, list[Span]] = defaultdict(list)
    for row in tables.rows("fct_blocked_intervals"):
        end = now if row["blocked_to"] is None else second(row["blocked_to"])
        blocks[row["work_item_key"]].append((second(row["blocked_from"]), end))
    found: dict[tuple, dict[str, Station]] = defaultdict(dict)
    lives: dict[tuple, list[tuple[Piece, Station]]] = defaultdict(list)
    for piece in pieces(tables):
        home = homes[piece.workflow].get(piece.stage["stage_key"])
        if home is None or piece.start >= tables.as_of:
            continue
        station = found[piece.place].setdefault(home["stage_key"], Station(home))
        lives[piece.item, *piece.place].append((piece, station))
    versions = {
        row["group_stay_key"]: row["work_item_version_key"]
        for row in tables.rows("fct_group_stays")
    }
    for (item, *_), life in lives.items():
        out = joined(blocks[item])
        waited: dict[str, list[int]] = defaultdict(list)
        for piece, station in sorted(life, key=lambda pair: (pair[0].start, pair[0].seq)):
            until = now if piece.end is None else second(piece.end)
            parts = without((second(piece.start), until), out)
            length = sum(end - start for start, end in parts)
            is_queue = piece.stage["flow_state"] == "wait"
            (station.queue_spans if is_queue else station.work_spans).extend(parts)
            key = station.stage["stage_key"]
            if is_queue and not station.is_gate:
                waited[key].append(length)
                continue
            if station.is_gate and piece.end is None:
                continue
            waits = [length] if station.is_gate else waited[key]
            served = piece.end if station.is_gate else piece.start
            day = local_day(served, piece.zone)
            today = local_day(tables.as_of, piece.zone)
            monday = day - timedelta(days=day.weekday())
            station.visits.append(
                {
                    "constraint_visit_key": piece.key, "work_item_key": item,
                    "work_item_version_key": versions[piece.key],
                    "value_stream_key": piece.stream, "workflow": piece.workflow,
                    "level": piece.level, "stage_key": key, "stage": station.stage["stage"],
                    "queue_wait_s": sum(waits), "was_queued": bool(waits), "served_at": served,
                    "is_complete_period": monday + WEEK <= today, "week_start": monday,
                }
            )  # fmt: skip
            # What it waited before this visit was not for a later one, whichever station that is.
            if not station.is_gate:
                waited.clear()
    tables._lines = found  # type: ignore[attr-defined]
    tables._in_lines = {key for stages in homes.values() for key in stages}  # type: ignore[attr-defined]
    return found


@recounts("metric_constraint_visits")
def visits(tables: Tables) -> Iterator[Row]:
    """Item by item, in the order of its life."""
    for stations in lines(tables).values():
        for station in stations.values():
            yield from station.visits


def painted(runs: list[tuple[int, int, tuple, str]]) -> dict[str, list[Span]]:
    """Give every moment to the longest run that covers it; return each station's time."""
    taken: list[Span] = []
    found: dict[str, list[Span]] = defaultdict(list)
    for start, end, _, key in sorted(runs, key=lambda run: (run[0] - run[1], run[2])):
        low = max(bisect_left(taken, (start, start)) - 1, 0)
        high = bisect_left(taken, (end, end))
        for span in without((start, end), taken[low:high]):
            found[key].append(span)
            insort(taken, span)
    return found


class Line:
    """The stations of a value stream, workflow and level, and what each window says of them."""

    def __init__(self, stations: dict[str, Station], first: date, zone: str, tables: Tables):
        self.zone, self.now = zone, second(tables.as_of)
        self.today = local_day(tables.as_of, zone)
        self.stations = sorted(
            stations.values(), key=lambda one: (one.stage["ordinal"], one.stage["stage_key"])
        )
        self.first = first - timedelta(days=first.weekday())
        self.mondays = []
        monday = self.first
        while monday <= self.today and begins(monday, zone) < self.now:
            self.mondays.append(monday)
            monday += WEEK
        workers = [station for station in self.stations if not station.is_gate]
        self.following = {id(one): other for one, other in pairwise(workers)}
        self.capacity = {
            (id(station), monday): self.busy(station, monday)
            for station in self.stations
            for monday in self.mondays
        }
        self.full = {id(station): self.saturated(station) for station in self.stations}
        runs = [
            (*span, (station.stage["ordinal"], station.stage["stage_key"]), str(id(station)))
            for station in self.stations
            for span in self.full[id(station)].spans
        ]
        longest = painted(runs)
        self.longest = {
            id(station): Time(sorted(longest[str(id(station))])) for station in self.stations
        }
        self.starved = {
            id(station): station.queued.shared(self.idle(self.following[id(station)]))
            for station in workers
            if id(station) in self.following
        }

    def end(self, monday: date) -> int:
        """Return when a week ends, or now."""
        return min(begins(monday + WEEK, self.zone), self.now)

    def window(self, monday: date) -> date:
        """Return the Monday on which the window of a week begins."""
        return max(self.first, monday - (WINDOW - 1) * WEEK)

    def busy(self, station: Station, monday: date) -> int:
        """Return how many a station works on in all but the busiest twentieth of a window."""
        start, end = begins(self.window(monday), self.zone), self.end(monday)
        spent: Counter = Counter()
        place = max(bisect_left(station.levels, (start, 0, 0)) - 1, 0)
        for begin, stop, level in station.levels[place:]:
            if begin >= end:
                break
            spent[level] += max(0, min(stop, end) - max(begin, start))
        spent[0] = end - start - sum(spent.values())
        reached = 0
        for level in sorted(spent):
            reached += spent[level]
            if 100 * reached >= 95 * (end - start):
                return level
        raise AssertionError

    def saturated(self, station: Station) -> Time:
        """Return when a station works on as many as when it is busy."""
        found = []
        for monday in self.mondays:
            start, end = begins(monday, self.zone), self.end(monday)
            place = max(bisect_left(station.levels, (start, 0, 0)) - 1, 0)
            for begin, stop, level in station.levels[place:]:
                if begin >= end:
                    break
                if level >= self.capacity[id(station), monday] and stop > start:
                    found.append((max(begin, start), min(stop, end)))
        return Time(joined(found))

    def idle(self, station: Station) -> Time:
        """Return when a station has no queue and is not busy."""
        occupied = joined([*station.queued.spans, *self.full[id(station)].spans])
        found = []
        for monday in self.mondays:
            if self.capacity[id(station), monday]:
                week = (begins(monday, self.zone), self.end(monday))
                place = max(bisect_left(occupied, (week[0], 0)) - 1, 0)
                upto = bisect_left(occupied, (week[1], 0))
                found += without(week, occupied[place:upto])
        return Time(joined(found))

    def scores(self, station: Station, monday: date) -> Row | None:
        """Return what the window of a week says of a station that anybody came to."""
        window = self.window(monday)
        start, end = begins(window, self.zone), self.end(monday)
        came = [visit for visit in station.visits if window <= visit["week_start"] <= monday]
        if not came:
            return None
        length, queued = end - start, station.queued.within(start, end)
        waited = sum(visit["queue_wait_s"] for visit in came)
        worked = sum(
            level * max(0, min(stop, end) - max(begin, start))
            for begin, stop, level in station.levels
        )
        capacity = self.capacity[id(station), monday]
        longest = self.longest[id(station)].within(start, end)
        starved = self.starved.get(id(station))
        starved_s = starved.within(start, end) if starved else None
        return {
            "station": station, "visits": len(came),
            "queued_visits": sum(visit["was_queued"] for visit in came),
            "waited": waited, "length": length, "queued": queued, "worked": worked,
            "capacity": capacity, "longest": None if station.is_gate else longest,
            "starved": starved_s,
            "scores": (
                waited / len(came),
                queued / length,
                worked / length / capacity if capacity else None,
                None if station.is_gate else longest / length,
            ),
        }  # fmt: skip

    def ranked(self, monday: date) -> tuple[list[Row], str | None]:
        """Return the stations of a week, the likeliest constraint first, or why nobody can say."""
        rows = [row for one in self.stations if (row := self.scores(one, monday))]
        for row in rows:
            places = []
            for no, score in enumerate(row["scores"]):
                if score is not None:
                    others = [other["scores"][no] for other in rows]
                    above = sum(other is not None and other > score for other in others)
                    places.append((1 + above, score > 0))
            row["known"] = len(places)
            row["led"] = sum(place == 1 and is_some for place, is_some in places)
            stage, (wait, _, saturation, _) = row["station"].stage, row["scores"]
            row["order"] = (
                -row["led"] / row["known"], sum(place for place, _ in places) / row["known"],
                1 if saturation is None else -saturation, -wait,
                stage["ordinal"], stage["stage_key"],
            )  # fmt: skip
        rows.sort(key=lambda row: row["order"])
        most = max((row["visits"] for row in rows), default=0)
        direct = [
            row["visits"] for row in rows if not row["station"].is_gate and not row["queued_visits"]
        ]
        reason = None
        if len(rows) < 2:
            reason = "single_station"
        elif any(10 * count >= most for count in direct):
            reason = "waits_not_modelled"
        elif rows[0]["visits"] < LEAST_VISITS:
            reason = "few_visits"
        return rows, reason


@recounts("metric_constraint")
def constraints(tables: Tables) -> Iterator[Row]:
    """Line by line, and week by week, so that each knows what was before."""
    firsts: dict[tuple, tuple[date, str]] = {}
    stations = lines(tables)
    for piece in pieces(tables):
        if piece.start < tables.as_of and piece.stage["stage_key"] in tables._in_lines:  # type: ignore[attr-defined]
            day = local_day(piece.start, piece.zone)
            known = firsts.get(piece.place)
            firsts[piece.place] = (min(day, known[0]) if known else day, piece.zone)
    for place, own in stations.items():
        line = Line(own, *firsts[place], tables)
        since, current, before = None, None, None
        for monday in line.mondays:
            rows, reason = line.ranked(monday)
            if reason is None:
                leader = rows[0]["station"].stage["stage_key"]
                if leader != current:
                    since, before, current = monday, current, leader
            most = max((row["starved"] for row in rows if row["starved"] is not None), default=0)
            for no, row in enumerate(rows, 1):
                stage, starved = row["station"].stage, row["starved"]
                is_it = reason is None and no == 1
                quarters = 4 * row["led"] // row["known"]
                yield {
                    "metric_constraint_key": "|".join(
                        [place[0], place[2], stage["stage_key"], monday.isoformat()]
                    ),
                    "value_stream_key": place[0], "workflow": place[1], "level": place[2],
                    "stage_key": stage["stage_key"], "stage": stage["stage"],
                    "ordinal": stage["ordinal"], "is_gate": row["station"].is_gate,
                    "status": "insufficient_evidence"
                    if reason
                    else "constraint"
                    if is_it
                    else "rival",
                    "insufficient_reason": reason,
                    "constraint_rank": None if reason else no,
                    "confidence": ["low", "low", "low", "medium", "high"][quarters]
                    if is_it
                    else None,
                    "scores_led": row["led"], "scores_known": row["known"],
                    "served_visits": row["visits"], "queued_visits": row["queued_visits"],
                    "queue_wait_s": row["waited"],
                    "queue_wait_mean_s": int(row["scores"][0] + 0.5),
                    "window_s": row["length"], "queued_s": row["queued"],
                    "queued_share": row["scores"][1], "active_item_s": row["worked"],
                    "busy_items": row["capacity"], "saturation": row["scores"][2],
                    "active_period_s": row["longest"], "active_period_share": row["scores"][3],
                    "downstream_starved_s": starved,
                    "downstream_starved_share": None
                    if starved is None
                    else starved / row["length"],
                    "is_starving_most": None if starved is None else 0 < starved == most,
                    "constraint_since": since if is_it else None,
                    "previous_stage_key": before if is_it else None,
                    "window_start": line.window(monday),
                    "is_complete_period": monday + WEEK <= line.today, "week_start": monday,
                }  # fmt: skip

"""Recounts of what stands where on each day: item by item, day by day.

Nothing is added up from events: each item is looked at on each evening of its life, where it
stands, since when it ages and whether it is blocked.
"""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import accumulate
from zoneinfo import ZoneInfo

from tests.recount.calendars import DAY, utc
from tests.recount.registry import Row, Tables, recounts

ENDED = ("done", "cancelled")
SECOND = timedelta(seconds=1)
BEGINNING = datetime(2000, 1, 1)


@cache
def local_day(moment: datetime, zone: str) -> date:
    """Return the day that a zone's calendars show at an instant."""
    return moment.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).date()


@cache
def midnight(day: date, zone: str) -> datetime:
    """Return when a day begins where clocks show the time of a zone."""
    return utc(day, "00:00", zone)


def second(moment: datetime) -> int:
    """Return the second that a clock shows, counted from a beginning: differences are durations."""
    return (moment - BEGINNING) // SECOND


@cache
def begins(day: date, zone: str) -> int:
    """Return the second in which a day begins."""
    return second(midnight(day, zone))


@dataclass
class Piece:
    """An item in one stage and one group, from an instant on."""

    item: str
    key: str
    stream: str
    workflow: str
    level: str
    work_type: str
    zone: str
    stage: Row
    seq: int
    attempt: int
    start: datetime
    end: datetime | None
    ages_since: datetime | None

    @property
    def group(self) -> tuple[str, str, str, str]:
        """Who counts it."""
        return (self.stream, self.workflow, self.level, self.work_type)

    @property
    def place(self) -> tuple[str, str, str]:
        """Who counts it in tables of all types of work."""
        return (self.stream, self.workflow, self.level)

    @property
    def is_open(self) -> bool:
        """Whether it is in a stage that somebody has still to finish."""
        return self.stage["flow_state"] not in ENDED

    def days(self, last: date) -> Iterator[date]:
        """Yield the days on which it is there at some time."""
        day = local_day(self.start, self.zone)
        end = last if self.end is None else local_day(self.end, self.zone)
        while day <= end:
            yield day
            day += DAY


def pieces(tables: Tables) -> list[Piece]:
    """Return the life of every item, cut where it changes its stage or its group."""
    kept = getattr(tables, "_pieces", None)
    if kept is not None:
        return kept
    zones = {row["value_stream_key"]: row["time_zone"] for row in tables.rows("dim_value_streams")}
    stages = tables.by("dim_stages", "workflow", "stage")
    attempts = tables.by("fct_flow_attempts", "work_item_key", "attempt_no")
    versions: dict[str, list[Row]] = defaultdict(list)
    for row in tables.rows("dim_work_items"):
        versions[row["work_item_key"]].append(row)
    steps: dict[str, list[Row]] = defaultdict(list)
    for row in tables.rows("fct_stage_transitions"):
        steps[row["work_item_key"]].append(row)
    found = []
    for item, own_steps in steps.items():
        own = sorted(versions[item], key=lambda version: version["valid_from"])
        workflow = own[-1]["workflow"]
        # Groups of the item, and since when.
        since, groups = [], []
        for version in own:
            group = (version["value_stream_key"], version["level"], version["work_type"])
            if not groups or groups[-1] != group:
                since.append(version["valid_from"])
                groups.append(group)
        own_steps.sort(key=lambda step: step["transition_seq"])
        for step, following in zip(own_steps, [*own_steps[1:], None], strict=True):
            stage = stages[step["workflow"], step["to_stage"]]
            start, end = step["changed_at"], following and following["changed_at"]
            cuts = [start]
            if stage["flow_state"] not in ENDED:
                cuts += [cut for cut in since if start < cut and (end is None or cut < end)]
            aging = attempts[item, step["attempt_no"]]["aging_since_at"]
            for cut, next_cut in zip(cuts, [*cuts[1:], end], strict=True):
                no = bisect_right(since, cut)
                stream, level, work_type = groups[no - 1]
                found.append(
                    Piece(
                        item, f"{item}:{step['transition_seq']}:{no}", stream, workflow, level,
                        work_type, zones[stream], stage, step["transition_seq"],
                        step["attempt_no"], cut, next_cut,
                        aging if aging is not None and start >= aging else None,
                    )
                )  # fmt: skip
    tables._pieces = found  # type: ignore[attr-defined]
    return found


@recounts("fct_group_stays")
def group_stays(tables: Tables) -> Iterator[Row]:
    """The pieces themselves, each with the version of its item that began last before it."""
    versions: dict[str, list[tuple[datetime, str]]] = defaultdict(list)
    for row in tables.rows("dim_work_items"):
        versions[row["work_item_key"]].append((row["valid_from"], row["work_item_version_key"]))
    for own in versions.values():
        own.sort()
    for piece in pieces(tables):
        own = versions[piece.item]
        version = own[bisect_right([since for since, _ in own], piece.start) - 1][1]
        yield {
            "group_stay_key": piece.key, "work_item_key": piece.item,
            "work_item_version_key": version,
            "value_stream_key": piece.stream, "workflow": piece.workflow, "level": piece.level,
            "work_type": piece.work_type, "time_zone": piece.zone,
            "stage_key": piece.stage["stage_key"], "stage": piece.stage["stage"],
            "flow_state": piece.stage["flow_state"], "transition_seq": piece.seq,
            "attempt_no": piece.attempt, "is_wip": piece.is_open, "entered_at": piece.start,
            "exited_at": piece.end, "aging_since_at": piece.ages_since,
        }  # fmt: skip


@recounts("fct_daily_flows")
def daily_flows(tables: Tables) -> Iterator[Row]:
    """Every evening, item by item."""
    blocks: dict[str, list[tuple[datetime, datetime | None]]] = defaultdict(list)
    for row in tables.rows("fct_blocked_intervals"):
        blocks[row["work_item_key"]].append((row["blocked_from"], row["blocked_to"]))
    counts: dict[tuple, Counter] = defaultdict(Counter)
    stages: dict[tuple, dict[str, Row]] = defaultdict(dict)
    zones: dict[tuple, str] = {}
    first: dict[tuple, date] = {}
    for piece in pieces(tables):
        group, zone = piece.group, piece.zone
        last = local_day(tables.as_of, zone)
        stages[group][piece.stage["stage"]] = piece.stage
        zones[group] = zone
        came = local_day(piece.start, zone)
        first[group] = min(came, first.get(group, came))
        counts[*group, piece.stage["stage"], came]["arrivals"] += 1
        if piece.end is not None:
            left = local_day(piece.end, zone)
            counts[*group, piece.stage["stage"], left]["departures"] += 1
        if not piece.is_open:
            continue
        start, now = second(piece.start), second(tables.as_of)
        until = now if piece.end is None else second(piece.end)
        left = date.max if piece.end is None else local_day(piece.end, zone)
        ages_since = piece.ages_since and second(piece.ages_since)
        for day in piece.days(last):
            count = counts[*group, piece.stage["stage"], day]
            evening = min(begins(day + DAY, zone), now)
            count["wip_s"] += max(0, min(until, evening) - max(start, begins(day, zone)))
            if left <= day:
                continue
            count["wip_eod"] += 1
            if ages_since is not None:
                count["started_wip"] += 1
                count["age_sum_s"] += evening - ages_since
            is_blocked = piece.stage["flow_state"] != "new" and any(
                local_day(begin, zone) <= day and (end is None or local_day(end, zone) > day)
                for begin, end in blocks.get(piece.item, ())
            )
            count["blocked_wip"] += is_blocked
            count["queue_len"] += is_blocked or piece.stage["flow_state"] != "active"
    for group, day in first.items():
        last = local_day(tables.as_of, zones[group])
        while day <= last:
            for name, stage in stages[group].items():
                count = counts.get((*group, name, day), {})
                yield {
                    "daily_flow_key": "|".join([*group, name, day.isoformat()]),
                    "value_stream_key": group[0], "workflow": group[1], "level": group[2],
                    "work_type": group[3], "stage_key": stage["stage_key"], "stage": name,
                    "flow_state": stage["flow_state"],
                    **{
                        column: int(count.get(column, 0))
                        for column in (
                            "wip_eod", "wip_s", "arrivals", "departures", "started_wip",
                            "blocked_wip", "queue_len", "age_sum_s",
                        )
                    },
                    "date_day": day,
                }  # fmt: skip
            day += DAY


@recounts("metric_wip")
def wip(tables: Tables) -> Iterator[Row]:
    """The types of work together, and the limit of the day."""
    limits = tables.rows("wip_limits")
    zones = {row["value_stream_key"]: row["time_zone"] for row in tables.rows("dim_value_streams")}
    sums: dict[tuple, Counter] = defaultdict(Counter)
    for row in tables.rows("fct_daily_flows"):
        if row["flow_state"] in ENDED:
            continue
        place = (
            row["value_stream_key"], row["workflow"], row["level"], row["stage"],
            row["flow_state"], row["date_day"],
        )  # fmt: skip
        sums[place].update(
            {
                "wip_eod": row["wip_eod"], "wip_items": row["started_wip"],
                "wip_s": row["wip_s"], "arrivals": row["arrivals"],
                "departures": row["departures"], "queue_len": row["queue_len"],
                "blocked_wip": row["blocked_wip"], "age_sum_s": row["age_sum_s"],
            }
        )  # fmt: skip
    for (stream, workflow, level, stage, state, day), count in sums.items():
        limit = [
            line["wip_limit"]
            for line in limits
            if (stream, workflow, level, stage)
            == (line["value_stream_key"], line["workflow"], line["level"], line["stage"])
            and (line["valid_from"] is None or line["valid_from"] <= day)
            and (line["valid_to"] is None or day < line["valid_to"])
        ]
        assert len(limit) < 2
        stage_key = f"{workflow}:{stage}"
        yield {
            "metric_wip_key": "|".join([stream, level, stage_key, day.isoformat()]),
            "value_stream_key": stream, "workflow": workflow, "level": level,
            "stage_key": stage_key, "stage": stage, "flow_state": state,
            "time_zone": zones[stream],
            **{name: count[name] for name in (
                "wip_eod", "wip_items", "wip_s", "arrivals", "departures", "queue_len",
                "blocked_wip", "age_sum_s",
            )},
            "backlog_items": count["wip_eod"] if state == "new" else 0,
            "in_flow_items": count["wip_eod"] if state in ("wait", "active") else 0,
            "wip_limit": limit[0] if limit else None,
            "is_breach": count["wip_eod"] > limit[0] if limit else None,
            "is_complete_period": midnight(day + DAY, zones[stream]) <= tables.as_of,
            "date_day": day,
        }  # fmt: skip


@recounts("metric_wip_totals")
def wip_totals(tables: Tables) -> Iterator[Row]:
    """All stages together, from the fact and not from the table by stage."""
    zones = {row["value_stream_key"]: row["time_zone"] for row in tables.rows("dim_value_streams")}
    sums: dict[tuple, Counter] = defaultdict(Counter)
    for row in tables.rows("fct_daily_flows"):
        if row["flow_state"] in ENDED:
            continue
        count = sums[row["value_stream_key"], row["workflow"], row["level"], row["date_day"]]
        there = row["wip_eod"]
        count["open_items"] += there
        count["wip_items"] += row["started_wip"]
        count["age_sum_s"] += row["age_sum_s"]
        count["blocked_items"] += row["blocked_wip"]
        if row["flow_state"] == "new":
            count["backlog_items"] += there
            continue
        at_work = there - row["blocked_wip"] if row["flow_state"] == "active" else 0
        count["in_flow_items"] += there
        count["worked_on_items"] += at_work
        count["waiting_items"] += there - at_work
        count["in_flow_s"] += row["wip_s"]
    for (stream, workflow, level, day), count in sums.items():
        yield {
            "metric_wip_total_key": "|".join([stream, workflow, level, day.isoformat()]),
            "value_stream_key": stream, "workflow": workflow, "level": level,
            "time_zone": zones[stream],
            **{name: count[name] for name in (
                "open_items", "backlog_items", "in_flow_items", "waiting_items",
                "worked_on_items", "wip_items", "blocked_items", "in_flow_s", "age_sum_s",
            )},
            "is_complete_period": midnight(day + DAY, zones[stream]) <= tables.as_of,
            "date_day": day,
        }  # fmt: skip


@recounts("metric_cumulative_flow")
def cumulative_flow(tables: Tables) -> Iterator[Row]:
    """Each item passes each line once in a place: when it comes so far there, or leaves it."""
    lines: dict[str, list[Row]] = defaultdict(list)
    for stage in tables.rows("dim_stages"):
        if stage["ordinal"] > 0 and stage["flow_state"] != "cancelled":
            lines[stage["workflow"]].append(stage)
    lives: dict[str, list[Piece]] = defaultdict(list)
    for piece in pieces(tables):
        lives[piece.item].append(piece)
    first: dict[tuple, date] = {}
    zones: dict[tuple, str] = {}
    # What begins or ends to count on a day: (place, stage) -> day -> number.
    there, passed, reached = (defaultdict(Counter) for _ in range(3))
    for life in lives.values():
        life.sort(key=lambda piece: (piece.seq, piece.start))
        came: dict[tuple, datetime] = {}
        gone: dict[tuple, datetime] = {}
        for piece, following in zip(life, [*life[1:], None], strict=True):
            place, zone, state = piece.place, piece.zone, piece.stage["flow_state"]
            day = local_day(piece.start, zone)
            first[place] = min(day, first.get(place, day))
            zones[place] = zone
            there[place, piece.stage["stage"]][day] += 1
            if piece.end is not None:
                there[place, piece.stage["stage"]][local_day(piece.end, zone)] -= 1
            if state == "cancelled":
                gone[place] = min(piece.start, gone.get(place, piece.start))
                continue
            for line in lines[piece.workflow]:
                if piece.stage["ordinal"] >= line["ordinal"] or line["ordinal"] == 1:
                    at = (place, line["stage"])
                    came[at] = min(piece.start, came.get(at, piece.start))
            if piece.is_open and following and following.place != place:
                assert piece.end is not None
                gone[place] = min(piece.end, gone.get(place, piece.end))
        for place in {piece.place for piece in life}:
            for line in lines[place[1]]:
                at = (place, line["stage"])
                moments = [moment for moment in (came.get(at), gone.get(place)) if moment]
                if moments:
                    passed[at][local_day(min(moments), zones[place])] += 1
                if at in came:
                    reached[at][local_day(came[at], zones[place])] += 1
    for place, begin in first.items():
        last = local_day(tables.as_of, zones[place])
        days = [begin + timedelta(days=no) for no in range((last - begin).days + 1)]
        own = sorted(lines[place[1]], key=lambda line: line["ordinal"])
        so_far = {
            (line["stage"], name): list(
                accumulate(counted[place, line["stage"]][day] for day in days)
            )
            for line in own
            for name, counted in (("there", there), ("passed", passed), ("reached", reached))
        }
        for line, following in zip(own, [*own[1:], None], strict=True):
            for no, day in enumerate(days):
                high = so_far[line["stage"], "passed"][no]
                came_far = so_far[line["stage"], "reached"][no]
                stands = 0
                if line["flow_state"] != "done" and following:
                    stands = high - so_far[following["stage"], "passed"][no]
                yield {
                    "metric_cumulative_flow_key": "|".join(
                        [place[0], place[2], line["stage_key"], day.isoformat()]
                    ),
                    "value_stream_key": place[0], "workflow": place[1], "level": place[2],
                    "stage_key": line["stage_key"], "stage": line["stage"],
                    "flow_state": line["flow_state"], "time_zone": zones[place],
                    "ordinal": line["ordinal"],
                    "wip_by_stage": so_far[line["stage"], "there"][no],
                    "cfd_highwater": high, "reached_items": came_far,
                    "left_before_items": high - came_far, "open_items": stands,
                    "is_complete_period": midnight(day + DAY, zones[place]) <= tables.as_of,
                    "date_day": day,
                }  # fmt: skip

"""Recounts of the flow by period, the stays in stages, the value stream map and the aging work."""

import calendar
import weakref
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tests.recount.registry import Row, Tables, recounts

WEEK = timedelta(days=7)


def nearest_rank(values: list[int], per_cent: int) -> int | None:
    """Return the smallest value that so many per cent are not above; none of fewer than ten."""
    if len(values) < 10:
        return None
    place = -(-len(values) * per_cent // 100)
    return sorted(values)[place - 1]


def share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def zones(tables: Tables) -> dict[str, ZoneInfo]:
    return {
        row["value_stream_key"]: ZoneInfo(row["time_zone"])
        for row in tables.rows("dim_value_streams")
    }


def day_in(zone: ZoneInfo, moment: datetime) -> date:
    return moment.replace(tzinfo=UTC).astimezone(zone).date()


def seconds(start: datetime, end: datetime) -> int:
    """Return whole seconds as clocks show them: fractions of both ends are cut first."""
    return int((end.replace(microsecond=0) - start.replace(microsecond=0)).total_seconds())


def waiting_workflows(tables: Tables) -> set[str]:
    """Return the workflows with a stage of waiting in which nobody merely parks work."""
    return {
        stage["workflow"]
        for stage in tables.rows("dim_stages")
        if stage["flow_state"] == "wait" and stage["ordinal"]
    }


def monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def versions_of_items(tables: Tables) -> dict[str, list[Row]]:
    versions = defaultdict(list)
    for row in tables.rows("dim_work_items"):
        versions[row["work_item_key"]].append(row)
    return versions


def version_at(versions: list[Row], moment: datetime) -> Row:
    """Return the one version of an item that was valid at a moment."""
    [found] = [
        row
        for row in versions
        if row["valid_from"] <= moment and (row["valid_to"] is None or moment < row["valid_to"])
    ]
    return found


def present(versions: list[Row]) -> Row:
    [found] = [row for row in versions if row["is_current"]]
    return found


@recounts("dim_stage_targets")
def stage_targets(tables: Tables) -> Iterator[Row]:
    for line in tables.rows("stage_targets"):
        stage_key = f"{line['workflow']}:{line['stage']}"
        since = line["valid_from"].isoformat() if line["valid_from"] else "always"
        yield {
            "stage_target_key": f"{line['value_stream_key']}|{line['level']}|{stage_key}|{since}",
            "value_stream_key": line["value_stream_key"],
            "level": line["level"],
            "stage_key": stage_key,
            "wait_target_s": _hours(line["wait_hours"]),
            "active_target_s": _hours(line["active_hours"]),
            "valid_from": line["valid_from"],
            "valid_to": line["valid_to"],
        }


def _hours(hours: float | None) -> int | None:
    return None if hours is None else round(hours * 3600)


@recounts("metric_stage_stays")
def stage_stays(tables: Tables) -> Iterator[Row]:
    """Bounces (under a minute) belong to the stay before them, the first ones to the first stay."""
    visits_of = defaultdict(list)
    for visit in tables.rows("fct_stage_visits"):
        if not visit["is_terminal"]:
            visits_of[visit["work_item_key"]].append(visit)
    for item, visits in visits_of.items():
        visits.sort(key=lambda visit: visit["visit_seq"])
        bounces = [
            visit["flow_state"] not in ("done", "cancelled")
            and not visit["is_open"]
            and visit["elapsed_s"] < 60
            for visit in visits
        ]
        real = [visit for visit, bounce in zip(visits, bounces, strict=True) if not bounce]
        home = real[0] if real else visits[0]
        stays: list[tuple[Row, list[tuple[Row, bool]]]] = []
        for visit, bounce in zip(visits, bounces, strict=True):
            if not bounce:
                home = visit
            same = stays and stays[-1][0]["stage_key"] == home["stage_key"]
            if not same:
                stays.append((home, []))
            stays[-1][1].append((visit, bounce))
        for number, (home, parts) in enumerate(stays, 1):
            is_open = any(visit["is_open"] for visit, _ in parts)
            sums = {
                name: sum(visit[name] for visit, _ in parts)
                for name in ("elapsed_s", "active_s", "wait_s", "blocked_s")
            }
            yield {
                "stage_stay_key": f"{item}:{number}",
                "work_item_key": item,
                "work_item_version_key": home["work_item_version_key"],
                "stay_no": number,
                "attempt_no": home["attempt_no"],
                "stage_key": home["stage_key"],
                "stage": home["stage"],
                "flow_state": home["flow_state"],
                "bounce_count": sum(bounce for _, bounce in parts),
                **sums,
                "is_open": is_open,
                "is_rework": any(visit["is_rework"] for visit, bounce in parts if not bounce),
                "entered_at": parts[0][0]["entered_at"],
                "exited_at": None if is_open else parts[-1][0]["exited_at"],
            }


@recounts("metric_cycle_times")
def cycle_times(tables: Tables) -> Iterator[Row]:
    local = zones(tables)
    waiting = waiting_workflows(tables)
    versions = versions_of_items(tables)
    last_attempts: dict[str, Row] = {}
    for attempt in tables.rows("fct_flow_attempts"):
        known = last_attempts.get(attempt["work_item_key"])
        if known is None or attempt["attempt_no"] > known["attempt_no"]:
            last_attempts[attempt["work_item_key"]] = attempt
    stays = Counter(
        (stay["work_item_key"], stay["attempt_no"], stay["stage_key"])
        for stay in tables.rows("metric_stage_stays")
        if stay["flow_state"] in ("new", "wait", "active")
    )
    more_than_once = {(item, attempt) for (item, attempt, _), count in stays.items() if count > 1}
    for flow in tables.rows("fct_work_item_flows"):
        if flow["outcome"] != "done":
            continue
        item, done_at = flow["work_item_key"], flow["last_done_at"]
        attempt = last_attempts[item]
        then = version_at(versions[item], done_at)
        workflow = present(versions[item])["workflow"]
        yield {
            "work_item_key": item,
            **{
                name: then[name]
                for name in (
                    "work_item_version_key", "item_key", "value_stream_key", "team_key", "level",
                    "work_type",
                )
            },
            "workflow": workflow,
            **{
                name: attempt[name]
                for name in (
                    "start_to_done_s", "start_to_done_business_s", "in_flow_s", "active_s",
                    "wait_s", "rework_s",
                )
            },
            "created_to_done_s": seconds(flow["created_at"], done_at),
            "is_first_pass": (item, attempt["attempt_no"]) not in more_than_once,
            "has_modelled_waits": workflow in waiting,
            "last_done_at": done_at,
            "finished_date": day_in(local[then["value_stream_key"]], done_at),
        }  # fmt: skip


# Flow by period: one table for each sort of period, with all teams or each, all types or each.

Span = tuple[date, date]


def weeks(first: date, last: date, _: Tables) -> Iterator[tuple[date, date, str]]:
    day = monday(first)
    while day <= last:
        yield day, day + timedelta(days=6), ""
        day += WEEK


def months(first: date, last: date, _: Tables) -> Iterator[tuple[date, date, str]]:
    year, month = first.year, first.month
    while date(year, month, 1) <= last:
        yield date(year, month, 1), date(year, month, calendar.monthrange(year, month)[1]), ""
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)


def increments(first: date, last: date, tables: Tables) -> Iterator[tuple[date, date, str]]:
    for line in tables.rows("dim_increments"):
        if line["starts_on"] <= last and line["ends_on"] >= first:
            yield line["starts_on"], line["ends_on"], line["increment_key"]


def days(first: date, last: date, _: Tables) -> Iterator[tuple[date, date, str]]:
    for number in range((last - first).days + 1):
        yield first + timedelta(days=number), first + timedelta(days=number), ""


Finish = tuple[tuple[str, str, str], str, str, date, Row | None]
_finishes: weakref.WeakKeyDictionary[Tables, list[Finish]] = weakref.WeakKeyDictionary()
_loads: weakref.WeakKeyDictionary[Tables, Counter] = weakref.WeakKeyDictionary()


def finishes(tables: Tables) -> list[Finish]:
    """Return group, type, team, day and clocks of each finish.

    Without clocks are those that an item did not end with: of an attempt that another one
    followed, and of one that was cancelled in the end. Of deleted items nothing counts.
    """
    if tables in _finishes:
        return _finishes[tables]
    found: list[Finish] = []
    for row in tables.rows("metric_cycle_times"):
        group = row["value_stream_key"], row["workflow"], row["level"]
        found.append((group, row["work_type"], row["team_key"], row["finished_date"], row))
    local, versions = zones(tables), versions_of_items(tables)
    visits_of = defaultdict(lambda: defaultdict(list))
    for visit in sorted(tables.rows("fct_stage_visits"), key=lambda visit: visit["visit_seq"]):
        visits_of[visit["work_item_key"]][visit["attempt_no"]].append(visit)
    for item, attempts in visits_of.items():
        if any(visits[-1]["stage"] == "deleted" for visits in attempts.values()):
            continue
        for number, visits in attempts.items():
            done = [visit["entered_at"] for visit in visits if visit["flow_state"] == "done"]
            end = visits[-1]["flow_state"]
            if done and (end == "cancelled" or (end == "done" and number < max(attempts))):
                then = version_at(versions[item], done[-1])
                workflow = present(versions[item])["workflow"]
                group = then["value_stream_key"], workflow, then["level"]
                day = day_in(local[group[0]], done[-1])
                found.append((group, then["work_type"], then["team_key"], day, None))
    _finishes[tables] = found
    return found


def loads(tables: Tables) -> Counter:
    """Return the items in waiting and active stages at the end of each day, by group and type."""
    if tables in _loads:
        return _loads[tables]
    found: Counter = Counter()
    for row in tables.rows("fct_daily_flows"):
        group = row["value_stream_key"], row["workflow"], row["level"]
        in_flow = row["wip_eod"] if row["flow_state"] in ("wait", "active") else 0
        found[group, row["work_type"], row["date_day"]] += in_flow
    _loads[tables] = found
    return found


def flow_rows(
    tables: Tables,
    periods: Callable[[date, date, Tables], Iterable[tuple[date, date, str]]],
    *,
    by_team: bool,
    by_type: bool,
) -> Iterator[Row]:
    """Yield what is counted of each group and period."""
    waiting, local = waiting_workflows(tables), zones(tables)
    load_of: Counter = Counter()
    first_days: dict[tuple, date] = {}
    for (group, kind, day), load in loads(tables).items():
        place = (group, kind if by_type else None)
        load_of[*place, day] += load
        first_days[place] = min(day, first_days.get(place, day))
    done_on = defaultdict(list)
    everyone = defaultdict(int)
    teams = defaultdict(set)
    for group, kind, team, day, clocks in finishes(tables):
        place = (group, kind if by_type else None)
        done_on[*place, team if by_team else None, day].append(clocks)
        everyone[group, team if by_team else None, day] += clocks is not None
        teams[place].add(team)
    for place, first in first_days.items():
        (stream, workflow, level), kind = place
        last = day_in(local[stream], tables.as_of)
        spans = [
            (start, end, name, [start + timedelta(days=n) for n in range((end - start).days + 1)])
            for start, end, name in periods(first, last, tables)
        ]
        for team in sorted(teams[place]) if by_team else [None]:
            for start, end, name, dates in spans:
                ended = [c for day in dates for c in done_on.get((*place, team, day), ())]
                clocks = [c for c in ended if c is not None]
                total = sum(everyone.get((place[0], team, day), 0) for day in dates)
                times = [c["start_to_done_s"] for c in clocks if c["start_to_done_s"] is not None]
                sums = {
                    column: sum(c[column] for c in clocks)
                    for column in ("in_flow_s", "active_s", "wait_s", "rework_s")
                }
                passed = sum(c["is_first_pass"] for c in clocks)
                measured = sums["active_s"] + sums["wait_s"]
                grain = [stream, workflow, level, kind, team, start.isoformat()]
                yield {
                    "key": "|".join(part for part in grain if part is not None),
                    "value_stream_key": stream,
                    "workflow": workflow,
                    "level": level,
                    "work_type": kind,
                    "team_key": team,
                    "velocity": len(clocks),
                    "earlier_finishes": len(ended) - len(clocks),
                    "n": len(times),
                    "flow_time_p50_s": nearest_rank(times, 50),
                    "flow_time_p85_s": nearest_rank(times, 85),
                    "flow_time_p95_s": nearest_rank(times, 95),
                    **sums,
                    "first_pass_items": passed,
                    "has_modelled_waits": workflow in waiting,
                    "flow_efficiency_share": (
                        share(sums["active_s"], measured) if workflow in waiting else None
                    ),
                    "started_share": share(len(times), len(clocks)),
                    "rework_share": share(sums["rework_s"], sums["in_flow_s"]),
                    "first_pass_yield_share": share(passed, len(clocks)),
                    "distribution_share": share(len(clocks), total),
                    "load": load_of[*place, min(end, last)],
                    "is_complete_period": end < last,
                    "increment_key": name,
                    "start": start,
                    "end": end,
                }


def unmapped(tables: Tables) -> dict[str, tuple[int, int, int]]:
    """Return by value stream: seconds in statuses without a stage, all seconds, items there."""
    known = {
        flow["work_item_key"]
        for flow in tables.rows("fct_work_item_flows")
        if flow["history_quality"] not in ("snapshot_only", "truncated")
    }
    stream_of = {
        version["work_item_version_key"]: version["value_stream_key"]
        for version in tables.rows("dim_work_items")
    }
    lost: Counter = Counter()
    spent: Counter = Counter()
    items = defaultdict(set)
    for visit in tables.rows("fct_stage_visits"):
        if visit["is_terminal"] or visit["work_item_key"] not in known:
            continue
        stream = stream_of[visit["work_item_version_key"]]
        spent[stream] += visit["elapsed_s"]
        if visit["stage"] == "unmapped":
            lost[stream] += visit["elapsed_s"]
            items[stream].add(visit["work_item_key"])
    return {stream: (lost[stream], spent[stream], len(items[stream])) for stream in spent}


@recounts("metric_unmapped_time")
def unmapped_time(tables: Tables) -> Iterator[Row]:
    for stream, (lost, spent, items) in unmapped(tables).items():
        yield {
            "value_stream_key": stream,
            "unmapped_items": items,
            "unmapped_s": lost,
            "elapsed_s": spent,
            "unmapped_share": lost / spent if spent else None,
            "is_marked": lost * 100 > spent,
        }


SHARED = (
    "value_stream_key", "workflow", "level", "velocity", "earlier_finishes", "n", "in_flow_s",
    "active_s", "wait_s", "rework_s", "first_pass_items", "has_modelled_waits",
    "is_complete_period",
)  # fmt: skip
MEASURED = (
    "flow_time_p50_s", "flow_time_p85_s", "flow_time_p95_s", "flow_efficiency_share",
    "started_share", "rework_share", "first_pass_yield_share",
)  # fmt: skip


def _register(table: str, sort: str, *, by_team: bool, by_type: bool) -> None:
    names = dict.fromkeys(SHARED)
    names |= {} if sort == "day" else dict.fromkeys(MEASURED)
    names |= {"team_key": None} if by_team else {"load": None}
    names |= {"work_type": None} if by_type else {}
    names |= {"distribution_share": None} if by_type and sort != "day" else {}
    names |= {"increment_key": None} if sort == "increment" else {}
    periods = {"day": days, "week": weeks, "month": months, "increment": increments}[sort]
    start = "date_day" if sort == "day" else f"{sort}_start"

    @recounts(table)
    def count(tables: Tables) -> Iterator[Row]:
        marked = {
            stream for stream, (lost, spent, _) in unmapped(tables).items() if lost * 100 > spent
        }
        for row in flow_rows(tables, periods, by_team=by_team, by_type=by_type):
            counted: dict[str, Any] = {name: row[name] for name in names}
            counted[table.removesuffix("s") + "_key"] = row["key"]
            counted[start] = row["start"]
            counted["is_marked"] = row["value_stream_key"] in marked
            if sort == "increment":
                counted["increment_end"] = row["end"]
            yield counted


_register("metric_flow", "week", by_team=False, by_type=True)
_register("metric_flow_totals", "week", by_team=False, by_type=False)
_register("metric_flow_teams", "week", by_team=True, by_type=True)
_register("metric_flow_team_totals", "week", by_team=True, by_type=False)
_register("metric_flow_months", "month", by_team=False, by_type=True)
_register("metric_flow_month_totals", "month", by_team=False, by_type=False)
_register("metric_flow_team_months", "month", by_team=True, by_type=True)
_register("metric_flow_team_month_totals", "month", by_team=True, by_type=False)
_register("metric_flow_increments", "increment", by_team=False, by_type=True)
_register("metric_flow_increment_totals", "increment", by_team=False, by_type=False)
_register("metric_flow_team_increments", "increment", by_team=True, by_type=True)
_register("metric_flow_team_increment_totals", "increment", by_team=True, by_type=False)
_register("metric_flow_days", "day", by_team=False, by_type=True)


@recounts("metric_time_in_stage")
def time_in_stage(tables: Tables) -> Iterator[Row]:
    """Stays count in the week in which they ended, for whom the item belonged to on entry."""
    local = zones(tables)
    stages = tables.by("dim_stages", "stage_key")
    versions = tables.by("dim_work_items", "work_item_version_key")
    groups = defaultdict(list)
    for stay in tables.rows("metric_stage_stays"):
        if stay["is_open"] or stay["flow_state"] in ("done", "cancelled"):
            continue
        version = versions[stay["work_item_version_key"]]
        stream = version["value_stream_key"]
        week = monday(day_in(local[stream], stay["exited_at"]))
        groups[stream, version["level"], stay["stage_key"], week].append(stay)
    for (stream, level, stage_key, week), stays in groups.items():
        lengths = [stay["elapsed_s"] for stay in stays]
        yield {
            "metric_time_in_stage_key": f"{stream}|{level}|{stage_key}|{week.isoformat()}",
            "value_stream_key": stream,
            "workflow": stages[stage_key]["workflow"],
            "level": level,
            "stage_key": stage_key,
            "stage": stages[stage_key]["stage"],
            "flow_state": stages[stage_key]["flow_state"],
            "visits": len(stays),
            "elapsed_p50_s": nearest_rank(lengths, 50),
            "elapsed_p85_s": nearest_rank(lengths, 85),
            "elapsed_s": sum(lengths),
            "active_s": sum(stay["active_s"] for stay in stays),
            "wait_s": sum(stay["wait_s"] for stay in stays),
            "blocked_s": sum(stay["blocked_s"] for stay in stays),
            "rework_visits": sum(stay["is_rework"] for stay in stays),
            "bounces": sum(stay["bounce_count"] for stay in stays),
            "is_complete_period": week + WEEK <= day_in(local[stream], tables.as_of),
            "week_start": week,
        }


def mapped_visits(tables: Tables) -> Iterator[tuple[tuple[str, str, str], Row, datetime | None]]:
    """Yield place, visit and moment of the finish of all that a map counts; none where it is open.

    Finished items count by the attempt that finished them, which is their last one.
    """
    versions = tables.by("dim_work_items", "work_item_version_key")
    done_at = {
        row["work_item_key"]: row["last_done_at"]
        for row in tables.rows("fct_work_item_flows")
        if row["outcome"] == "done"
    }
    attempts = Counter(row["work_item_key"] for row in tables.rows("fct_flow_attempts"))
    for visit in tables.rows("fct_stage_visits"):
        if visit["flow_state"] not in ("wait", "active"):
            continue
        item = visit["work_item_key"]
        is_last = visit["attempt_no"] == attempts[item]
        if visit["is_open"] or (item in done_at and is_last):
            version = versions[visit["work_item_version_key"]]
            place = version["value_stream_key"], version["level"], visit["stage_key"]
            yield place, visit, done_at.get(item)


def target_of(tables: Tables, place: tuple[str, str, str], day: date) -> Row:
    """Return the target of a place on a day; on days without one, nothing."""
    found = [
        target
        for target in tables.rows("dim_stage_targets")
        if (target["value_stream_key"], target["level"], target["stage_key"]) == place
        and (target["valid_from"] is None or target["valid_from"] <= day)
        and (target["valid_to"] is None or day < target["valid_to"])
    ]
    assert len(found) < 2, f"two targets of {place} on {day}"
    return found[0] if found else {"wait_target_s": None, "active_target_s": None}


def mapped_place(tables: Tables, place: tuple[str, str, str], finished: list[Row]) -> Row:
    """Return the columns that both maps have of a place."""
    stream, level, stage_key = place
    stage = tables.by("dim_stages", "stage_key")[stage_key]
    waits = [visit["wait_s"] for visit in finished]
    works = [visit["active_s"] for visit in finished]
    rework = sum(visit["is_rework"] for visit in finished)
    return {
        "value_stream_key": stream,
        "workflow": stage["workflow"],
        "level": level,
        "stage_key": stage_key,
        "stage": stage["stage"],
        "flow_state": stage["flow_state"],
        "ordinal": stage["ordinal"],
        "items": len({visit["work_item_key"] for visit in finished}),
        "visits": len(finished),
        "rework_visits": rework,
        "wait_p50_s": nearest_rank(waits, 50),
        "wait_p85_s": nearest_rank(waits, 85),
        "active_p50_s": nearest_rank(works, 50),
        "active_p85_s": nearest_rank(works, 85),
        "wait_s": sum(waits),
        "active_s": sum(works),
        "rework_share": share(rework, len(finished)),
    }


def within(visits: list[Row], column: str, target: int | None) -> int | None:
    return None if target is None else sum(visit[column] <= target for visit in visits)


@recounts("metric_value_stream_map")
def value_stream_map(tables: Tables) -> Iterator[Row]:
    local = zones(tables)
    groups = defaultdict(list)
    for place, visit, done_at in mapped_visits(tables):
        if done_at is not None:
            groups[place, day_in(local[place[0]], done_at).replace(day=1)].append(visit)
    for (place, month), visits in groups.items():
        target = target_of(tables, place, month)
        today = day_in(local[place[0]], tables.as_of)
        yield {
            "metric_value_stream_map_key": "|".join([*place, month.isoformat()]),
            **mapped_place(tables, place, visits),
            "wait_target_s": target["wait_target_s"],
            "active_target_s": target["active_target_s"],
            "visits_within_wait_target": within(visits, "wait_s", target["wait_target_s"]),
            "visits_within_active_target": within(visits, "active_s", target["active_target_s"]),
            "is_complete_period": (month.year, month.month) < (today.year, today.month),
            "month_start": month,
        }


@recounts("metric_value_stream_map_totals")
def value_stream_map_totals(tables: Tables) -> Iterator[Row]:
    finished, going_on = defaultdict(list), defaultdict(list)
    for place, visit, done_at in mapped_visits(tables):
        (going_on if done_at is None else finished)[place].append(visit)
    for place in {*finished, *going_on}:
        target = target_of(tables, place, tables.as_of.date())
        yield {
            "metric_value_stream_map_total_key": "|".join(place),
            **mapped_place(tables, place, finished[place]),
            "wait_target_s": target["wait_target_s"],
            "active_target_s": target["active_target_s"],
            "wip": len(going_on[place]),
            "open_wait_s": sum(visit["wait_s"] for visit in going_on[place]),
            "open_active_s": sum(visit["active_s"] for visit in going_on[place]),
        }


@recounts("metric_aging_wip")
def aging_wip(tables: Tables) -> Iterator[Row]:
    """The age of what is in flow beside the ages at which finished attempts left the same stage."""
    versions = tables.by("dim_work_items", "work_item_version_key")
    current = {key: present(rows) for key, rows in versions_of_items(tables).items()}
    flows = tables.by("fct_work_item_flows", "work_item_key")
    attempts = tables.by("fct_flow_attempts", "work_item_key", "attempt_no")
    left: dict[tuple, datetime] = {}
    open_visits = {}
    for visit in tables.rows("fct_stage_visits"):
        item = visit["work_item_key"]
        if visit["is_open"]:
            open_visits[item] = visit
        attempt = attempts[item, visit["attempt_no"]]
        started = attempt["started_at"]
        if (
            attempt["outcome"] != "done"
            or flows[item]["outcome"] == "deleted"
            or visit["flow_state"] in ("done", "cancelled")
            or started is None
            or visit["exited_at"] <= started
        ):
            continue
        version = versions[visit["work_item_version_key"]]
        place = version["value_stream_key"], version["level"], visit["stage_key"]
        passage = (*place, item, visit["attempt_no"])
        left[passage] = max(visit["exited_at"], left.get(passage, datetime.min))
    paces = defaultdict(list)
    for (*place, item, number), moment in left.items():
        paces[tuple(place)].append(seconds(attempts[item, number]["started_at"], moment))
    numbers = Counter(item for item, _ in attempts)
    for item, visit in open_visits.items():
        attempt, version = attempts[item, numbers[item]], current[item]
        since = attempt["started_at"]
        if since is None and attempt["attempt_no"] > 1:
            since = attempt["begins_at"]
        if since is None:
            continue
        place = version["value_stream_key"], version["level"], visit["stage_key"]
        pace, age = paces[place], seconds(since, tables.as_of)
        late_after = nearest_rank(pace, 85)
        yield {
            "work_item_key": item,
            **{
                name: version[name]
                for name in (
                    "work_item_version_key", "item_key", "value_stream_key", "workflow", "level",
                    "work_type", "team_key",
                )
            },
            "stage_key": visit["stage_key"],
            "stage": visit["stage"],
            "age_s": age,
            "stage_age_s": seconds(visit["entered_at"], tables.as_of),
            "stage_blocked_s": visit["blocked_s"],
            "pace_n": len(pace),
            "pace_p50_s": nearest_rank(pace, 50),
            "pace_p85_s": late_after,
            "pace_p95_s": nearest_rank(pace, 95),
            "is_late": None if late_after is None else age > late_after,
            "started_at": since,
        }  # fmt: skip

"""Recounts of the forecasts, from the moves of the items to what came of them.

A forecast of chance is repeatable because its random numbers are: they are part of its definition,
and are drawn here as it says (one generator for the seed, the group, the day and the horizon; first
a past of as many blocks as there are, then which of them follow each other).
"""

import zlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np

from tests.recount.periods import day_in, loads, present, version_at, versions_of_items, zones
from tests.recount.registry import Row, Tables, recounts

SEED, TRIALS = 20240229, 10_000
SLIGHT = 1e-6
"""Items; sums of shares of working days miss a whole number by less."""

NEVER = date(9999, 12, 31)

Group = tuple[str, str, str]


def stays_of_items(tables: Tables) -> dict[Group, list[tuple[str, date, date]]]:
    """Return, by group, which items came to a finished stage, on which day, and left it again."""
    local, versions = zones(tables), versions_of_items(tables)
    finished = {
        (stage["workflow"], stage["stage"])
        for stage in tables.rows("dim_stages")
        if stage["flow_state"] == "done"
    }
    moves = defaultdict(dict)
    for move in tables.rows("fct_stage_transitions"):
        moves[move["work_item_key"]][move["transition_seq"]] = move
    found = defaultdict(list)
    for item, by_number in moves.items():
        for number, move in by_number.items():
            if (move["workflow"], move["to_stage"]) not in finished:
                continue
            then = version_at(versions[item], move["changed_at"])
            zone = local[then["value_stream_key"]]
            after = by_number.get(number + 1)
            left = day_in(zone, after["changed_at"]) if after else NEVER
            workflow = present(versions[item])["workflow"]
            group = then["value_stream_key"], workflow, then["level"]
            found[group].append((item, day_in(zone, move["changed_at"]), left))
    return found


def stays_in_done(tables: Tables) -> dict[Group, list[tuple[date, date]]]:
    """Return the same without the items."""
    return {
        group: [(came, left) for _, came, left in stays]
        for group, stays in stays_of_items(tables).items()
    }


def known_on(stays: list[tuple[date, date]], first: date, today: date) -> list[int]:
    """Return the items finished on each day, as far as they were finished at the end of today."""
    counts = [0] * ((today - first).days + 1)
    for came, left in stays:
        if came <= today < left:
            counts[(came - first).days] += 1
    return counts


def generator(group: Group, origin: date, *more: int) -> np.random.Generator:
    name = zlib.crc32("|".join(group).encode())
    return np.random.default_rng([SEED, name, origin.toordinal(), *more])


def blocks_of(window: list[int]) -> list[list[int]]:
    """Return the last whole weeks, or fortnights where much and little take turns."""
    weeks = [window[day : day + 7] for day in range(len(window) % 7, len(window), 7)]
    sums = [Fraction(sum(week)) for week in weeks]
    if len(weeks) < 8:
        return weeks

    def centred(values: list[Fraction]) -> list[Fraction]:
        return [value - sum(values) / len(values) for value in values]

    one, other = centred(sums[:-1]), centred(sums[1:])
    together = sum(a * b for a, b in zip(one, other, strict=True))
    if together < 0 and together**2 > sum(a * a for a in one) * sum(b * b for b in other) / 4:
        first = len(weeks) % 2
        return [weeks[no] + weeks[no + 1] for no in range(first, len(weeks), 2)]
    return weeks


@dataclass(frozen=True)
class Holidays:
    """The holidays that cost a value stream a working day, and its working days in a week."""

    days: frozenset[date]
    working_days: int

    def left(self, first: date, width: int) -> float:
        """Return the share of its working days that a block from a day on has."""
        lost = sum((first + timedelta(days=no)) in self.days for no in range(width))
        return float(1 - Fraction(lost, self.working_days * width // 7))


@lru_cache(maxsize=100)
def holidays_of(stream: str, tables: Tables) -> Holidays:
    """Return a stream's holidays; Mondays to Fridays are worked where nobody has written hours."""
    (calendar,) = {
        row["calendar"]
        for row in tables.rows("dim_value_streams")
        if row["value_stream_key"] == stream
    }
    weekdays = {
        row["iso_weekday"] for row in tables.rows("calendars") if row["calendar"] == calendar
    } or {1, 2, 3, 4, 5}
    free = {row["holiday_date"] for row in tables.rows("holidays") if row["calendar"] == calendar}
    return Holidays(frozenset(day for day in free if day.isoweekday() in weekdays), len(weekdays))


def futures(
    rows: list[list[int]], days: int, origin: date, holidays: Holidays, rng: np.random.Generator
) -> np.ndarray:
    """Return what is finished on each day of each trial: a past is drawn, and a future from it.

    A block counts per working day that it had, and has as many as the holidays leave it.
    """
    width, count = len(rows[0]), len(rows)
    paced = []
    for no, row in enumerate(rows):
        share = holidays.left(origin - timedelta(days=width * (count - no) - 1), width)
        if share:
            paced.append([items / share for items in row])
    ahead = -(-days // width)
    past = rng.integers(0, len(paced), (TRIALS, len(paced)), dtype=np.int32)
    chosen = rng.integers(0, len(paced), (TRIALS, ahead))
    blocks = past[np.arange(TRIALS)[:, None], chosen]
    shares = [holidays.left(origin + timedelta(days=1 + width * no), width) for no in range(ahead)]
    found = np.asarray(paced)[blocks] * np.asarray(shares)[None, :, None]
    return found.reshape(TRIALS, -1)[:, :days]


def at_least(
    rows: list[list[int]], days: int, origin: date, holidays: Holidays, rng: np.random.Generator
) -> dict[int, int]:
    """Return by certainty how many items the futures reach: half of them, 85 and 95 in 100."""
    drawn = futures(rows, days, origin, holidays, rng)
    sums = sorted(int(total + SLIGHT) for total in drawn.sum(axis=1))
    return {percentile: sums[(100 - percentile) * TRIALS // 100 - 1] for percentile in (50, 85, 95)}


def reached(items: Any, so_far: np.ndarray) -> list[int]:
    """Return on which day each future has finished so many items; far away where it never has.

    A row of `so_far` is what one has finished by the end of each day.
    """
    is_enough = so_far + SLIGHT >= np.broadcast_to(items, TRIALS)[:, None]
    first = is_enough.argmax(axis=1)
    is_ever = is_enough[np.arange(TRIALS), first]
    return np.where(is_ever, first + 1, 10**6).tolist()


def by_certainty(days: list[int], origin: date, holidays: Holidays) -> dict[int, int | None]:
    """Return the day by which half of the futures, 85 and 95 in 100 are there; not a holiday."""
    order = sorted(days)
    found = {percentile: order[percentile * TRIALS // 100 - 1] for percentile in (50, 85, 95)}
    for percentile, day in found.items():
        while day <= 730 and origin + timedelta(days=day) in holidays.days:
            day += 1
        found[percentile] = day
    return {percentile: day if day <= 730 else None for percentile, day in found.items()}


def done_after(
    rows: list[list[int]], items: int, origin: date, holidays: Holidays, rng: np.random.Generator
) -> dict:
    """Return by certainty after how many days the futures reach so many items."""
    so_far = np.cumsum(futures(rows, 730, origin, holidays, rng), axis=1)
    return by_certainty(reached(items, so_far), origin, holidays)


def groups(tables: Tables) -> Iterator[tuple[Group, list[tuple[date, date]], date, date, int]]:
    """Yield each group, its stays in done, its first and last complete day, and its load now."""
    local, stays = zones(tables), stays_in_done(tables)
    first_days: dict[Group, date] = {}
    load_now: dict[Group, int] = defaultdict(int)
    for (group, _, day), load in loads(tables).items():
        first_days[group] = min(day, first_days.get(group, day))
        if day == day_in(local[group[0]], tables.as_of):
            load_now[group] += load
    for group, first in first_days.items():
        last = day_in(local[group[0]], tables.as_of) - timedelta(days=1)
        yield group, stays.get(group, []), first, last, load_now[group]


def window_of(stays: list[tuple[date, date]], first: date, origin: date) -> list | None:
    """Return the blocks of the last 13 weeks that are known; none where they are too few."""
    if origin < first:
        return None
    rows = blocks_of(known_on(stays, first, origin)[-91:])
    return rows if size(rows)[0] >= 28 and size(rows)[1] >= 10 else None


def size(rows: list[list[int]]) -> tuple[int, int]:
    """Return how many days and items are in the blocks."""
    return sum(map(len, rows)), sum(map(sum, rows))


def grain(group: Group) -> Row:
    return dict(zip(("value_stream_key", "workflow", "level"), group, strict=True))


@recounts("metric_forecast")
def forecast(tables: Tables) -> Iterator[Row]:
    for group, stays, first, origin, load in groups(tables):
        window = window_of(stays, first, origin)
        if window is None:
            continue
        free = holidays_of(group[0], tables)
        found: list[tuple[str, int | None, dict[int, Any]]] = [
            (
                "how_many", days,
                at_least(window, days, origin, free, generator(group, origin, days)),
            )
            for days in (14, 28, 84)
        ]  # fmt: skip
        if load:
            values = done_after(window, load, origin, free, generator(group, origin))
            found.append(("when", None, values))
        for kind, days, values in found:
            for percentile, value in values.items():
                ahead = value if days is None else days
                horizon = "all" if days is None else str(days)
                yield {
                    "metric_forecast_key": "|".join([*group, kind, horizon, str(percentile)]),
                    **grain(group),
                    "kind": kind,
                    "horizon_days": days,
                    "items": load if kind == "when" else None,
                    "percentile": percentile,
                    "value": value,
                    "predictability_share": (
                        values[95] / values[50] if kind == "how_many" and values[50] else None
                    ),
                    "window_days": size(window)[0],
                    "n": size(window)[1],
                    "trials": TRIALS,
                    "seed": SEED,
                    "origin_date": origin,
                    "forecast_date": None if ahead is None else origin + timedelta(days=ahead),
                }


@recounts("metric_forecast_backtests")
def backtests(tables: Tables) -> Iterator[Row]:
    for group, stays, first, last, _ in groups(tables):
        origin = last - timedelta(days=28)
        while origin >= first:
            window = window_of(stays, first, origin)
            if window is not None:
                ends = origin + timedelta(days=28)
                actual = sum(origin < came <= ends < left for came, left in stays)
                free = holidays_of(group[0], tables)
                values = at_least(window, 28, origin, free, generator(group, origin, 28))
                for percentile, value in values.items():
                    key = [*group, str(percentile), origin.isoformat()]
                    yield {
                        "metric_forecast_backtest_key": "|".join(key),
                        **grain(group),
                        "horizon_days": 28,
                        "percentile": percentile,
                        "value": value,
                        "actual": actual,
                        "n": size(window)[1],
                        "is_hit": actual >= value,
                        "origin_date": origin,
                    }
            origin -= timedelta(days=28)


@recounts("metric_forecast_calibration")
def calibration(tables: Tables) -> Iterator[Row]:
    found = defaultdict(list)
    for row in tables.rows("metric_forecast_backtests"):
        group = row["value_stream_key"], row["workflow"], row["level"]
        found[group, row["percentile"]].append(row)
    for (group, percentile), rows in found.items():
        hits = sum(row["actual"] >= row["value"] for row in rows)
        yield {
            "metric_forecast_calibration_key": "|".join([*group, str(percentile)]),
            **grain(group),
            "percentile": percentile,
            "n": len(rows),
            "hits": hits,
            "coverage_share": hits / len(rows),
            "first_origin_date": min(row["origin_date"] for row in rows),
            "last_origin_date": max(row["origin_date"] for row in rows),
        }

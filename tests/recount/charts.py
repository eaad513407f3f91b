"""Recounts of the control charts: points, baselines and what the rules say, in exact fractions."""

import math
from collections import defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from itertools import pairwise

from tests.recount.registry import Row, Tables, recounts
from tests.recount.stocks import local_day

WEEK = timedelta(days=7)
NANO = Decimal("0.000000001")
Chart = tuple[str, str, str, str]


def nine_digits(value: Decimal | Fraction) -> Fraction:
    """Return a number to nine digits after the point."""
    if isinstance(value, Fraction):
        value = Decimal(value.numerator) / Decimal(value.denominator)
    return Fraction(value.quantize(NANO, ROUND_HALF_UP))


class Limits:
    """What the points of a baseline say of points."""

    def __init__(self, points: list[Fraction]) -> None:
        self.n = len(points)
        self.centre = nine_digits(sum(points, Fraction()) / len(points))
        steps = [abs(later - earlier) for earlier, later in pairwise(points)]
        self.mean_range = sum(steps, Fraction()) / len(steps) if steps else Fraction()
        self.upper = nine_digits(self.centre + Fraction(266, 100) * self.mean_range)
        self.lower = nine_digits(self.centre - Fraction(266, 100) * self.mean_range)
        self.range = nine_digits(Fraction(3268, 1000) * self.mean_range)

    def side(self, value: Fraction) -> int:
        """Return 1 above the centre, -1 below, 0 on it."""
        return (value > self.centre) - (value < self.centre)

    def is_outside(self, value: Fraction) -> bool:
        """Return whether a value lies beyond the limits."""
        return not self.lower <= value <= self.upper


def longest_run(sides: list[int]) -> list[int]:
    """Return for each point how many in a row, itself included, are on its side of the centre."""
    lengths: list[int] = []
    for no, side in enumerate(sides):
        again = bool(no) and side == sides[no - 1]
        lengths.append(0 if side == 0 else lengths[-1] + 1 if again else 1)
    return lengths


def stable_from(points: list[Fraction], begin: int) -> int | None:
    """Return where the first stable twenty points from a point on begin."""
    for start in range(begin, len(points) - 19):
        twenty = points[start : start + 20]
        limits = Limits(twenty)
        if limits.mean_range == 0 or any(limits.is_outside(value) for value in twenty):
            continue
        if max(longest_run([limits.side(value) for value in twenty])) < 8:
            return start
    return None


def stretches(points: list[Fraction]) -> Iterator[int]:
    """Yield where each of the baselines that nobody chose begins."""
    start, judged_from = stable_from(points, 0), 0
    while start is not None:
        yield start
        limits = Limits(points[start : start + 20])
        runs = longest_run([limits.side(value) for value in points[judged_from:]])
        shifts = [no + judged_from for no, run in enumerate(runs) if run >= 8]
        shifts = [no for no in shifts if no >= start + 20]
        if not shifts:
            return
        start = stable_from(points, shifts[0] - 7)
        judged_from = start + 20 if start is not None else 0


def points_of(tables: Tables) -> dict[Chart, list[tuple[date, int, Fraction]]]:
    """Return week, number of items and value of the points of every chart."""
    zones = {row["value_stream_key"]: row["time_zone"] for row in tables.rows("dim_value_streams")}
    weeks: dict[tuple[str, str, str], dict[date, list[Row]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for row in tables.rows("metric_cycle_times"):
        finished = local_day(row["last_done_at"], zones[row["value_stream_key"]])
        monday = finished - timedelta(days=finished.weekday())
        weeks[row["value_stream_key"], row["workflow"], row["level"]][monday].append(row)
    charts: dict[Chart, list[tuple[date, int, Fraction]]] = defaultdict(list)
    for place, finished_in in weeks.items():
        week = min(finished_in)
        while week + WEEK <= local_day(tables.as_of, zones[place[0]]):
            items = finished_in.get(week, [])
            charts["velocity", *place].append((week, len(items), Fraction(len(items))))
            logs = [
                nine_digits(Decimal(math.log(row["start_to_done_s"] / 3600)))
                for row in items
                if row["start_to_done_s"]
            ]
            if logs:
                # An average is a floating number: where half of the ninth digit is left, it says
                # which way it falls.
                nanos = float(sum(logs, Fraction()) / len(logs)) * 1e9
                mean = Fraction(math.floor(abs(nanos) + 0.5), 10**9) * (1 if nanos > 0 else -1)
                charts["flow_time_log_h", *place].append((week, len(logs), mean))
            week += WEEK
    return charts


def phases_of(tables: Tables, chart: Chart, points: list[tuple]) -> list[tuple]:
    """Return method, first and last day of each baseline of a chart, and from when it holds."""
    seeds = sorted(
        (row["baseline_start"], row["baseline_end"])
        for row in tables.rows("xmr_baselines")
        if (row["metric"], row["value_stream_key"], row["workflow"], row["level"]) == chart
    )
    if seeds:
        return [
            ("seed", start, end, start if no else date.min) for no, (start, end) in enumerate(seeds)
        ]
    found = []
    for start in stretches([value for _, _, value in points]):
        end = points[start + 19][0] + WEEK - timedelta(days=1)
        holds = end + timedelta(days=1) if found else date.min
        found.append(("latest_stable", points[start][0], end, holds))
    return found


def charts_of(tables: Tables) -> Iterator[Row]:
    """Yield the rows of all charts."""
    zones = {row["value_stream_key"]: row["time_zone"] for row in tables.rows("dim_value_streams")}
    for chart, points in points_of(tables).items():
        metric, stream, workflow, level = chart
        zone = zones[stream]
        today = local_day(tables.as_of, zone)
        over = today - timedelta(days=today.weekday() + 1)  # the last Sunday
        phases = phases_of(tables, chart, points) or [("none", None, None, date.min)]
        for no, (method, start, end, holds) in enumerate(phases):
            later = phases[no + 1][3] if no + 1 < len(phases) else date.max
            own = [
                (place, point) for place, point in enumerate(points, 1) if holds <= point[0] < later
            ]
            chosen = [
                value
                for week, _, value in points
                if start and start <= week and week + timedelta(days=6) <= end
            ]
            limits, reason = Limits(chosen) if chosen else None, None
            if start is None:
                few = len(points) < 20
                reason = "fewer_than_20_points" if few else "no_stable_stretch"
            elif end > over:
                reason = "seed_is_not_over"
            elif len(chosen) < 20:
                reason = "seed_has_fewer_than_20_points"
            elif limits and limits.mean_range == 0:
                reason = "seed_does_not_vary"
            drawn = limits if reason is None else None
            sides = [drawn.side(value) if drawn else 0 for _, (_, _, value) in own]
            alarms = None
            if drawn and limits.n == 20:
                alarms = 0.29
                if metric == "velocity":
                    alarms = 0.33 if drawn.centre >= 6 else 0.4 if drawn.centre >= 1.5 else None
            before = None
            for (place, (week, n, value)), side, run in zip(
                own, sides, longest_run(sides), strict=True
            ):
                step = None if before is None else abs(value - before)
                before = value
                is_outside = drawn.is_outside(value) if drawn else None
                lower = drawn and (max(drawn.lower, 0) if metric == "velocity" else drawn.lower)
                signal = "none" if drawn else None
                if drawn and (is_outside or run >= 8):
                    signal = "higher" if side > 0 else "lower"
                yield {
                    "metric_xmr_key": "|".join([*chart, week.isoformat()]),
                    "metric": metric, "value_stream_key": stream, "workflow": workflow,
                    "level": level, "time_zone": zone, "point_no": place, "phase_no": no + 1,
                    "n": n, "baseline_method": method if drawn else "none",
                    "no_limits_reason": reason, "baseline_n": limits.n if limits else None,
                    "value": float(value),
                    "moving_range": None if step is None else float(step),
                    "centre": float(drawn.centre) if drawn else None,
                    "upper_limit": float(drawn.upper) if drawn else None,
                    "lower_limit": None if lower is None else float(lower),
                    "range_limit": float(drawn.range) if drawn else None,
                    "run_length": run if drawn else None, "expected_false_alarm_share": alarms,
                    "is_baseline": drawn is not None
                    and start <= week and week + timedelta(days=6) <= end,
                    "is_outside": is_outside,
                    "is_range_outside": None if not drawn or step is None else step > drawn.range,
                    "is_run": run >= 8 if drawn else None,
                    "is_signal": signal != "none" if drawn else None, "signal": signal,
                    "is_complete_period": True, "week_start": week,
                    "baseline_start": start, "baseline_end": end,
                }  # fmt: skip


@recounts("metric_xmr")
def charts(tables: Tables) -> Iterator[Row]:
    """All charts."""
    return charts_of(tables)


@recounts("metric_throughput_xmr")
def throughput_charts(tables: Tables) -> Iterator[Row]:
    """The charts of velocity, under the names that the contract gives them."""
    for chart in charts_of(tables):
        if chart["metric"] == "velocity":
            group = [chart["value_stream_key"], chart["workflow"], chart["level"]]
            yield {
                "metric_throughput_xmr_key": "|".join([*group, chart["week_start"].isoformat()]),
                "velocity": chart["n"],
                **{
                    name: chart[name]
                    for name in (
                        "value_stream_key", "workflow", "level", "time_zone", "point_no",
                        "phase_no", "baseline_method", "no_limits_reason", "baseline_n", "centre",
                        "upper_limit", "lower_limit", "expected_false_alarm_share", "is_baseline",
                        "is_signal", "signal", "is_complete_period", "week_start",
                        "baseline_start", "baseline_end",
                    )
                },
            }  # fmt: skip


@recounts("dim_xmr_baselines")
def chosen_baselines(tables: Tables) -> Iterator[Row]:
    """The seed, chart by chart in order; each baseline holds until the next one begins."""
    lines: dict[Chart, list[tuple[date, date]]] = defaultdict(list)
    for row in tables.rows("xmr_baselines"):
        chart = (row["metric"], row["value_stream_key"], row["workflow"], row["level"])
        lines[chart].append((row["baseline_start"], row["baseline_end"]))
    for chart, baselines in lines.items():
        baselines.sort()
        for no, (start, end) in enumerate(baselines):
            yield {
                "xmr_baseline_key": "|".join([*chart, start.isoformat()]),
                "metric": chart[0], "value_stream_key": chart[1], "workflow": chart[2],
                "level": chart[3], "phase_no": no + 1, "baseline_start": start,
                "baseline_end": end, "applies_from": start if no else None,
                "applies_to": baselines[no + 1][0] if no + 1 < len(baselines) else None,
            }  # fmt: skip

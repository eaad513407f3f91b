"""Recounts of interventions: week by week and item by item, against the days of the seed.

Passages are walked from the pieces of each item's life, queues are sums of clipped spans, means and
limits are exact fractions. Nothing is taken from the charts of weeks but by walking them again.
"""

import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from itertools import pairwise

from tests.recount.charts import nine_digits, points_of
from tests.recount.constraint import Time, joined, lines, station_of, without
from tests.recount.registry import Row, Tables, recounts
from tests.recount.stocks import Piece, begins, local_day, pieces, second

WEEK = timedelta(days=7)
WEEKS = 26
LEAST_POINTS = 20
TIMES = ("work_time", "flow_time")
JUDGED = {"work_time": -1, "flow_time": -1, "output": 1, "velocity": 1}
NANO = Decimal("0.000000001")

Point = tuple[date, int, Fraction]


@dataclass
class Passage:
    """Somebody's way through a station."""

    came: date
    left: date | None
    worked: int | None
    is_served: bool


@dataclass
class Trial:
    """An intervention with the points of its measures, by phase."""

    line: Row
    points: dict[str, dict[str, list[Point]]] = field(default_factory=dict)

    def weeks(self, measure: str, phase: str) -> list[Point]:
        """Return the points of a measure in a phase, in order."""
        return self.points.get(measure, {}).get(phase, [])

    def mean(self, measure: str, phase: str, last: int | None = None) -> Fraction | None:
        """Return the mean of the (last) points of a measure in a phase."""
        values = [value for _, _, value in self.weeks(measure, phase)]
        values = values[-last:] if last else values
        return sum(values, Fraction()) / len(values) if values else None


def monday(day: date) -> date:
    """Return the Monday of a day's week."""
    return day - timedelta(days=day.weekday())


def passages(life: list[Piece], homes: dict[str, Row], stage: str, blocks: list, tables: Tables):
    """Yield the ways of one item through the station of a stage."""
    now, run = second(tables.as_of), []
    here = [piece for piece in life if homes[piece.stage["stage_key"]]["stage"] == stage]
    runs: list[list[Piece]] = []
    for piece in here:
        if run and run[-1].end == piece.start and run is runs[-1]:
            run.append(piece)
        else:
            run = [piece]
            runs.append(run)
    out = joined(blocks)
    for run in runs:
        works = [piece for piece in run if piece.stage["flow_state"] == "active"]
        worked = None
        if works:
            worked = sum(
                end - start
                for piece in works
                for start, end in without(
                    (second(piece.start), now if piece.end is None else second(piece.end)), out
                )
            )
        is_gate = homes[run[0].stage["stage_key"]]["flow_state"] == "wait"
        left = None if any(piece.end is None for piece in run) else run[-1].end
        zone = run[0].zone
        yield Passage(
            monday(local_day(run[0].start, zone)),
            None if left is None else monday(local_day(left, zone)),
            worked,
            bool(works) or is_gate,
        )


def phase_of(week: date, starts_on: date) -> str | None:
    """Return on which side of the beginning a whole week lies."""
    if week >= starts_on:
        return "after"
    return "before" if week + timedelta(days=6) < starts_on else None


def trials(tables: Tables) -> list[Trial]:
    """Return every intervention with its points."""
    kept = getattr(tables, "_trials", None)
    if kept is not None:
        return kept
    workflows: dict[str, list[Row]] = defaultdict(list)
    for stage in tables.rows("dim_stages"):
        workflows[stage["workflow"]].append(stage)
    lives: dict[tuple, dict[str, list[Piece]]] = defaultdict(lambda: defaultdict(list))
    for piece in pieces(tables):
        if piece.start < tables.as_of:
            lives[piece.place][piece.item].append(piece)
    blocks: dict[str, list] = defaultdict(list)
    for row in tables.rows("fct_blocked_intervals"):
        end = second(row["blocked_to"] or tables.as_of)
        blocks[row["work_item_key"]].append((second(row["blocked_from"]), end))
    charts, stations = points_of(tables), lines(tables)
    found = []
    for line in tables.rows("interventions"):
        trial = Trial(line)
        found.append(trial)
        place = line["value_stream_key"], line["workflow"], line["level"]
        homes = station_of(workflows[line["workflow"]])
        ways: list[Passage] = []
        first_days, zone = [], "UTC"
        for item, life in lives[place].items():
            in_line = sorted(
                (piece for piece in life if piece.stage["stage_key"] in homes),
                key=lambda piece: (piece.start, piece.seq),
            )
            for piece in in_line[:1]:
                zone = piece.zone
                first_days.append(local_day(piece.start, zone))
            ways += passages(in_line, homes, line["stage"], blocks[item], tables)
        if not ways:
            continue
        [station] = [one for one in stations[place].values() if one.stage["stage"] == line["stage"]]
        queued = Time(joined(station.queue_spans))
        today = local_day(tables.as_of, zone)
        sides: dict[str, list[date]] = {"before": [], "after": []}
        week = monday(min(first_days))
        while week + WEEK <= today:
            side = phase_of(week, line["starts_on"])
            if side:
                sides[side].append(week)
            week += WEEK
        phases = {
            "baseline": sides["before"][-WEEKS:],
            "trial": sides["after"][:WEEKS],
            "watch": sides["after"][WEEKS:],
        }
        lags = {
            name: {week: (n, value) for week, n, value in charts.get((metric, *place), [])}
            for name, metric in (("velocity", "velocity"), ("flow_time", "flow_time_log_h"))
        }
        for phase, weeks in phases.items():
            for week in weeks:
                start, end = begins(week, zone), begins(week + WEEK, zone)
                spent = sum(
                    max(0, min(stop, end) - max(begin, start))
                    for begin, stop in station.queue_spans
                )
                came = sum(way.came == week for way in ways)
                served = [way for way in ways if way.is_served and way.left == week]
                logs = [
                    nine_digits(Decimal(math.log(way.worked / 3600)))
                    for way in served
                    if way.worked
                ]
                values = {
                    "arrivals": (came, Fraction(came)),
                    "queue": (1, nine_digits(Fraction(spent, end - start))),
                }
                if 10 * queued.within(start, end) >= 9 * (end - start):
                    values["output"] = len(served), Fraction(len(served))
                if logs:
                    values["work_time"] = (
                        len(logs),
                        nine_digits(Decimal(float(sum(logs, Fraction()) / len(logs)))),
                    )
                values |= {name: lag[week] for name, lag in lags.items() if week in lag}
                for measure, (n, value) in values.items():
                    trial.points.setdefault(measure, {}).setdefault(phase, []).append(
                        (week, n, value)
                    )
    tables._trials = found  # type: ignore[attr-defined]
    return found


class Chart:
    """The limits that some points give, and what they say of others."""

    def __init__(self, points: list[Point], good: int) -> None:
        self.n, self.good = len(points), good
        values = [value for _, _, value in points]
        steps = [abs(later - earlier) for earlier, later in pairwise(values)]
        self.range = sum(steps, Fraction()) / len(steps) if steps else Fraction()
        self.is_drawn = self.n >= LEAST_POINTS and self.range > 0
        if self.is_drawn:
            self.centre = nine_digits(sum(values, Fraction()) / self.n)
            self.upper = nine_digits(self.centre + Fraction(266, 100) * self.range)
            self.lower = nine_digits(self.centre - Fraction(266, 100) * self.range)
            self.sigma = (self.upper - self.centre) / 3
            if good == 1:
                self.lower = max(self.lower, Fraction())

    def read(self, points: list[Point]) -> Iterator[tuple[date, bool, int, str]]:
        """Yield week, whether it is outside, its run and its signal."""
        run, side_before, outside = 0, 0, {1: 0, -1: 0}
        for week, _, value in points:
            side = self.good * ((value > self.centre) - (value < self.centre))
            run = 0 if side == 0 else run + 1 if side == side_before else 1
            side_before = side
            is_out = not self.lower <= value <= self.upper
            if is_out:
                outside[side] += 1
            told = run >= 8 or (is_out and outside[side] >= 3)
            yield week, is_out, run, ("better" if side > 0 else "worse") if told else "none"


@recounts("metric_intervention_weeks")
def intervention_weeks(tables: Tables) -> Iterator[Row]:
    """Measure by measure and phase by phase."""
    for trial in trials(tables):
        key = trial.line["intervention_key"]
        for measure, phases in trial.points.items():
            for phase, points in phases.items():
                chart = None
                if measure in JUDGED:
                    source = "trial" if phase == "watch" else "baseline"
                    chart = Chart(trial.weeks(measure, source), JUDGED[measure])
                is_drawn = bool(chart and chart.is_drawn)
                told = list(chart.read(points)) if is_drawn else [(None, None, None, None)] * 999
                for no, ((week, n, value), (_, is_out, run, signal)) in enumerate(
                    zip(points, told, strict=False), 1
                ):
                    yield {
                        "metric_intervention_week_key": f"{key}|{measure}|{week.isoformat()}",
                        "intervention_key": key, "measure": measure, "phase": phase,
                        "point_no": no, "n": n, "value": float(value),
                        "baseline_n": chart.n if is_drawn else None,
                        "centre": float(chart.centre) if is_drawn else None,
                        "upper_limit": float(chart.upper) if is_drawn else None,
                        "lower_limit": float(chart.lower) if is_drawn else None,
                        "is_outside": is_out, "run_length": run, "signal": signal,
                        "is_complete_period": True, "week_start": week,
                    }  # fmt: skip


def power(sigmas: float) -> float:
    """Return how often a change of so many standard deviations is found, at least."""
    steps = {
        2: 0.99, 1.5: 0.97, 1.25: 0.91, 1: 0.79, 0.75: 0.58, 0.5: 0.35, 0.25: 0.16, 0: 0.06
    }  # fmt: skip
    return next(share for least, share in steps.items() if sigmas >= least)


def said(trial: Trial, measure: str) -> tuple[str | None, date | None, bool | None]:
    """Return the latest signal of a trial, the first week of its side, and whether it is lost."""
    chart = Chart(trial.weeks(measure, "baseline"), JUDGED[measure])
    if not chart.is_drawn:
        return None, None, None
    told = [
        (week, signal)
        for week, _, _, signal in chart.read(trial.weeks(measure, "trial"))
        if signal != "none"
    ]
    last = told[-1][1] if told else "none"
    first = min((week for week, signal in told if signal == last), default=None)
    later = Chart(trial.weeks(measure, "trial"), JUDGED[measure])
    watch = trial.weeks(measure, "watch")
    if not later.is_drawn or len(watch) < 8:
        return last, first, None
    halfway = (chart.centre + later.centre) / 2
    now = trial.mean(measure, "watch", 8)
    is_nearer = (now - halfway) * JUDGED[measure] < 0
    is_worse = any(signal == "worse" for *_, signal in later.read(watch))
    return last, first, is_worse and is_nearer


def queue_told(trial: Trial) -> str | None:
    """Return what the queue says of the end of a trial."""
    if len(trial.weeks("queue", "trial")) < 13 or not trial.weeks("queue", "baseline"):
        return None
    before, late = trial.mean("queue", "baseline"), trial.mean("queue", "trial", 13)
    came, comes = trial.mean("arrivals", "baseline"), trial.mean("arrivals", "trial")
    if late * 5 < before and comes * 20 >= came * 19:
        return "better"
    return "worse" if late > 5 * before and comes * 20 <= came * 21 else "none"


def nine(value: Fraction | float | None) -> float | None:
    """Return a number to nine digits."""
    if value is None:
        return None
    exact = Decimal(float(value))
    return float(exact.quantize(NANO, ROUND_HALF_UP))


def effects(trial: Trial) -> tuple[list[float | None], float | None]:
    """Return the effect with its interval, and how likely the expected one is found."""
    measure, expected = trial.line["measure"], trial.line["expected_effect"]
    points = trial.weeks(measure, "baseline")
    chart = Chart(points, JUDGED[measure])
    after = trial.mean(measure, "trial")
    if not chart.is_drawn:
        return [None] * 3, None
    is_time = measure in TIMES
    wanted = math.log1p(expected) if is_time else float(chart.centre) * expected
    likely = power(abs(wanted) / float(chart.sigma)) if chart.sigma else None
    if after is None:
        return [None] * 3, likely
    change = float(after - chart.centre)
    count = len(trial.weeks(measure, "trial"))
    half = 1.96 * float(chart.sigma) * math.sqrt(1 / chart.n + 1 / count)
    ends = [change, change - half, change + half]
    if is_time:
        return [math.expm1(end) for end in ends], likely
    return [end / float(chart.centre) for end in ends] if chart.centre else [None] * 3, likely


def constraint_then(tables: Tables, line: Row, *, is_before: bool) -> str | None:
    """Return the constraint of the last complete week on one side of the beginning."""
    found = [
        (row["week_start"], row["stage_key"])
        for row in tables.rows("metric_constraint")
        if row["status"] == "constraint" and row["is_complete_period"]
        and all(row[name] == line[name] for name in ("value_stream_key", "workflow", "level"))
        and (row["week_start"] < line["starts_on"]) is is_before
    ]  # fmt: skip
    return max(found)[1] if found else None


def verdict(trial: Trial) -> tuple[str, str | None, date | None, dict]:
    """Return what the measures say together: verdict, why there is none, since when, signals."""
    told = {measure: said(trial, measure) for measure in JUDGED}
    signals = {measure: signal for measure, (signal, _, _) in told.items()}
    signals["queue"] = queue_told(trial)
    leading = [signals[name] for name in ("work_time", "output", "queue")]
    since = {
        side: min(
            (told[name][1] for name in ("work_time", "output") if told[name][0] == side),
            default=None,
        )
        for side in ("better", "worse")
    }
    if not trial.points:
        return "not_known", "nothing_came_there", None, signals
    if not trial.weeks("queue", "trial"):
        return "not_known", "no_week_since_it_began", None, signals
    if signals["work_time"] is None and signals["output"] is None:
        return "not_known", "no_limits", None, signals
    if "better" in leading and "worse" in leading:
        return "no_signal_yet", "leading_measures_disagree", None, signals
    eve, end = trial.mean("queue", "baseline", 4), trial.mean("queue", "trial", 4)
    came, comes = trial.mean("arrivals", "baseline"), trial.mean("arrivals", "trial")
    if "better" in leading:
        if end > eve and comes <= came:
            return "no_signal_yet", "queue_grew", None, signals
        name = next(name for name in ("work_time", "output", "queue") if signals[name] == "better")
        is_lost = (
            trial.mean("queue", "watch", 8) * 2 > trial.mean("queue", "baseline")
            if name == "queue" and trial.weeks("queue", "watch")
            else name != "queue" and told[name][2]
        )
        is_watched = len(trial.weeks("queue", "watch")) >= 8
        return "reverted" if is_watched and is_lost else "improved", None, since["better"], signals
    if "worse" in leading:
        if end < eve and comes >= came:
            return "no_signal_yet", "queue_fell", None, signals
        return "worse", None, since["worse"], signals
    return "no_signal_yet", "no_signal", None, signals


@recounts("metric_interventions")
def interventions(tables: Tables) -> Iterator[Row]:
    """One by one."""
    for trial in trials(tables):
        line = trial.line
        what, reason, since, signals = verdict(trial)
        weeks = {phase: trial.weeks("queue", phase) for phase in ("baseline", "trial", "watch")}
        every = [week for phase in weeks.values() for week, _, _ in phase]
        confirmation, sustainment = None, None
        flow = signals["flow_time"]
        if what in ("improved", "reverted"):
            names = {"better": "confirmed", "worse": "old_queue_drains"}
            confirmation = names.get(flow, "not_yet")
            sustainment = "lost" if what == "reverted" else "holding"
            if len(weeks["watch"]) < 8:
                sustainment = "not_watched_yet"
        elif what == "worse":
            confirmation = "confirmed" if flow == "worse" else "not_yet"
        (actual, low, high), likely = effects(trial)
        before = constraint_then(tables, line, is_before=True)
        now = constraint_then(tables, line, is_before=False)
        baseline = [week for week, _, _ in weeks["baseline"]]
        yield {
            "intervention_key": line["intervention_key"], "name": line["name"],
            "value_stream_key": line["value_stream_key"], "workflow": line["workflow"],
            "level": line["level"], "stage_key": f"{line['workflow']}:{line['stage']}",
            "stage": line["stage"], "measure": line["measure"], "verdict": what,
            "no_verdict_reason": reason, "confirmation": confirmation,
            "work_time_signal": signals["work_time"], "output_signal": signals["output"],
            "queue_signal": signals["queue"], "flow_time_signal": flow,
            "velocity_signal": signals["velocity"], "signal_week_start": since,
            "sustainment": sustainment, "baseline_weeks": len(weeks["baseline"]),
            "trial_weeks": len(weeks["trial"]), "watch_weeks": len(weeks["watch"]),
            "queue_before": nine(trial.mean("queue", "baseline", 4)),
            "queue_after": nine(trial.mean("queue", "trial", 4)),
            "arrivals_before": nine(trial.mean("arrivals", "baseline")),
            "arrivals_after": nine(trial.mean("arrivals", "trial")),
            "constraint_before_stage_key": before, "constraint_now_stage_key": now,
            "has_constraint_moved": None if None in (before, now) else before != now,
            "expected_effect": line["expected_effect"],
            "actual_effect": nine(actual), "actual_effect_low": nine(low),
            "actual_effect_high": nine(high),
            "is_as_expected": None if low is None else low <= line["expected_effect"] <= high,
            "power_share": likely, "intervention_cost": line["cost"],
            "currency": line["currency"],
            "baseline_start": min(baseline, default=None),
            "baseline_end": max(baseline) + timedelta(days=6) if baseline else None,
            "starts_on": line["starts_on"], "last_week_start": max(every, default=None),
        }  # fmt: skip

"""What the demo's people write into files: experiments, value, money, risks, assessments, capacity.

They write of the two years up to `NOW`, once; the servers keep the files in a folder of theirs. All
draws are from a stream of its own, so nothing else of the company moves.
"""

import csv
import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from demo import truth
from demo.calendars import calendar_of
from demo.company import NOW, SEED, STREAMS, Stream
from demo.model import Issue
from demo.world import World

Row = dict[str, Any]

DAY = timedelta(days=1)
FIRST, LAST = date(2024, 1, 1), datetime.fromtimestamp(NOW, UTC).date()

MEASURES = {
    "payments": (
        ("payments made", "amount", "payments", "higher", 40_000, 900),
        ("merchants who would recommend us", "level", "per cent", "higher", 41, 0.4),
        ("failed payments", "amount", "payments", "lower", 900, -12),
    ),
    "storefront": (
        ("orders", "amount", "orders", "higher", 12_000, 250),
        ("conversion", "level", "per cent", "higher", 2.1, 0.02),
    ),
    "platform": (("teams that would recommend us", "level", "per cent", "higher", 55, 0.5),),
}
"""Of each value stream: measure, kind, unit, direction, where it began, what a month adds."""

MONEY = {
    "payments": ("EUR", 210_000, 480_000),
    "storefront": ("USD", 190_000, 350_000),
    "platform": ("EUR", 150_000, None),
    "insights": ("EUR", 60_000, None),
}
"""Of each value stream: currency, what a month may cost, and what it earned at first."""

RISKS = (
    ("one-acquirer", "payments", "The one acquirer that we have raises its fees", "supplier"),
    ("psd3", "payments", "The new rules for payments come before we are ready", "compliance"),
    ("search-skills", "storefront", "Too few people know the search engine", "skills"),
    ("peak", "storefront", "The shop does not stand the peak of November", "integration"),
    ("old-cluster", "platform", "The old cluster is no longer supported", "supplier"),
    ("sprints", "platform", "Sprints of two streams do not match", "planning"),
)

PEOPLE = {"developer": 4, "tester": 1}
"""How many people of a role a team has."""


def files(world: World) -> dict[str, list[Row]]:
    """Return the lines of every feed by its name."""
    draws = random.Random(f"{SEED} feeds")
    return {
        "experiments": list(_experiments(world, draws)),
        "value_measures": list(_measures(draws)),
        "stream_financials": list(_money(draws)),
        "risks": list(_risks(draws)),
        "assessments": list(_assessments(draws)),
        "team_capacities": list(_capacities(draws)),
    }


def write(world: World, folder: Path) -> None:
    """Write the files into a folder."""
    for name, rows in files(world).items():
        with (folder / f"{name}.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)


def stories_behind(world: World, traces: dict[str, truth.Trace]) -> dict[str, list[Issue]]:
    """Return what was deployed of each value stream, one item per month, oldest first."""
    found: dict[str, dict[tuple[int, int], Issue]] = {stream.key: {} for stream in STREAMS}
    for issue in world.issues:
        trace = traces.get(str(issue.id))
        if issue.kind == "Story" and trace and trace.deployed_at and trace.deployed_at < NOW:
            day = _day(issue.created, issue.stream)
            found[issue.stream.key].setdefault((day.year, day.month), issue)
    return {stream: [of[month] for month in sorted(of)] for stream, of in found.items()}


def _experiments(world: World, draws: random.Random) -> Iterator[Row]:
    """One in three months and stream of two; half of those of the last months are still open."""
    traces = truth.traces(world)
    behind = stories_behind(world, traces)
    verdicts = ("supported", "refuted", "supported", "inconclusive")
    decisions = {"supported": "keep", "refuted": "stop", "inconclusive": "change"}
    for stream in ("payments", "storefront"):
        for place, issue in enumerate(behind[stream][::2]):
            measure, _, _, better, begun, _ = MEASURES[stream][0]
            conceived = _day(issue.created, issue.stream) - draws.randint(0, 20) * DAY
            used = _day(traces[str(issue.id)].deployed_at, issue.stream) + DAY
            learned = used + draws.randint(14, 42) * DAY
            decided = learned + draws.randint(1, 10) * DAY
            expected = round(begun * 0.02, 2) * (1 if better == "higher" else -1)
            verdict = verdicts[place % len(verdicts)]
            share = {"supported": 1.2, "refuted": -0.1, "inconclusive": 0.4}[verdict]
            yield {
                "experiment_key": f"{stream}-{place + 1}",
                "value_stream_key": stream,
                "hypothesis": f"If we ship {issue.key(NOW)}, then {measure} moves",
                "measure": measure, "better": better, "expected_delta": expected,
                "conceived_on": conceived, "due_on": conceived + 150 * DAY,
                "work_item": issue.key(NOW), "owner_team_key": issue.ticket.team,
                "first_use_on": used if used <= LAST else "",
                "learned_on": learned if decided <= LAST else "",
                "observed_delta": round(expected * share, 2) if decided <= LAST else "",
                "verdict": verdict if decided <= LAST else "",
                "decided_on": decided if decided <= LAST else "",
                "decision": decisions[verdict] if decided <= LAST else "",
            }  # fmt: skip
    # Somebody thought of it and built nothing; the day by which it should be known has passed.
    yield {
        "experiment_key": "payments-idea", "value_stream_key": "payments",
        "hypothesis": "If merchants see fees before they pay, then fewer call",
        "measure": "calls", "better": "lower", "expected_delta": -50,
        "conceived_on": date(2025, 3, 3), "due_on": date(2025, 9, 1), "work_item": "",
        "owner_team_key": "payments-core", "first_use_on": "", "learned_on": "",
        "observed_delta": "", "verdict": "", "decided_on": "", "decision": "",
    }  # fmt: skip


def _measures(draws: random.Random) -> Iterator[Row]:
    for stream, measures in MEASURES.items():
        for measure, kind, unit, better, begun, more in measures:
            for place, month in enumerate(_months()):
                value = (begun + more * place) * draws.uniform(0.97, 1.03)
                yield {
                    "value_stream_key": stream, "measure": measure,
                    "measured_on": _last(month), "value": round(value, 2), "kind": kind,
                    "unit": unit, "better": better, "measured_by": "business intelligence",
                    "owner_team_key": "",
                }  # fmt: skip


def _money(draws: random.Random) -> Iterator[Row]:
    for stream, (currency, budget, earned) in MONEY.items():
        for place, month in enumerate(_months()):
            yield {
                "value_stream_key": stream, "month_start": month, "currency": currency,
                "budget": budget, "spend": round(budget * draws.uniform(0.85, 1.08), 2),
                "revenue": round(earned * (1 + place / 100), 2) if earned else "",
            }  # fmt: skip


def _risks(draws: random.Random) -> Iterator[Row]:
    for place, (risk, stream, name, category) in enumerate(RISKS):
        likelihood, impact = draws.randint(3, 5), draws.randint(2, 5)
        for no in range(draws.randint(2, 4)):
            is_last = no == 3 or place % 3 == 2
            yield {
                "risk": risk, "value_stream_key": stream, "name": name, "category": category,
                "assessed_on": date(2025, 1 + 3 * no, 10 + place),
                "likelihood": max(1, likelihood - no), "impact": impact,
                "status": ("open" if no == 0 else "closed" if is_last else "mitigated"),
                "response": "" if no == 0 else "Somebody is named and has a plan",
                "owner_team_key": next(s for s in STREAMS if s.key == stream).teams[0],
                "due_on": date(2026, 3, 31), "work_item": "",
            }  # fmt: skip


def _assessments(draws: random.Random) -> Iterator[Row]:
    """Lean portfolio management, twice a year; the platform's people are too few to be shown."""
    for stream in STREAMS:
        for dimension in ("strategy and funding", "operations", "governance"):
            score = draws.uniform(2, 3)
            for no, day in enumerate((date(2024, 6, 14), date(2025, 1, 17), date(2025, 6, 13))):
                yield {
                    "assessment": "lean portfolio management", "value_stream_key": stream.key,
                    "dimension": dimension, "assessed_on": day,
                    "score": round(score + 0.3 * no, 1), "best_score": 5,
                    "respondents": 4 if stream.key == "platform" else draws.randint(6, 14),
                }  # fmt: skip


def _capacities(draws: random.Random) -> Iterator[Row]:
    """A year of hours that people could work, without holidays and leave."""
    monday = date(2024, 12, 30)
    while monday <= LAST:
        for stream in STREAMS:
            calendar = calendar_of(stream.calendar, stream.zone)
            begins, ends = (calendar.epoch(day, "00:00") for day in (monday, monday + 7 * DAY))
            hours = (calendar.work(ends) - calendar.work(begins)) / 3600
            for team in stream.teams:
                for role, people in PEOPLE.items():
                    yield {
                        "team_key": team, "role": role, "week_start": monday,
                        "available_hours": round(people * hours * draws.uniform(0.8, 1), 1),
                    }  # fmt: skip
        monday += 7 * DAY


def _months() -> Iterator[date]:
    month = FIRST
    while _last(month) < LAST:
        yield month
        month = _last(month) + DAY


def _last(month: date) -> date:
    return (month + 31 * DAY).replace(day=1) - DAY


def _day(at: int, stream: Stream) -> date:
    return datetime.fromtimestamp(at, ZoneInfo(stream.zone)).date()

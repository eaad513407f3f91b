"""Recounts of what is held against what somebody asked for: targets and key results."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

from tests.recount.registry import Row, Tables, recounts

DAY = timedelta(days=1)
OF = ("workflow", "level", "work_type", "part")


def whose(line: Row) -> tuple:
    """Return which numbers a line of a seed is of: an empty one is of all."""
    stream = line["value_stream_key"]
    if stream is None:
        stream = line["entity_key"] if line["entity_type"] == "value_stream" else "all"
    return (
        line["metric"], line["entity_type"], line["entity_key"], stream,
        *(line[name] or "all" for name in OF), line["period"] or "loaded",
    )  # fmt: skip


def numbers(tables: Tables) -> dict[tuple, list[Row]]:
    """Return the long rows by what they are of."""
    found: dict[tuple, list[Row]] = defaultdict(list)
    for row in tables.rows("fct_metric_observations"):
        found[
            (
                row["metric"], row["entity_type"], row["entity_key"], row["value_stream_key"],
                *(row[name] for name in OF), row["period"],
            )
        ].append(row)  # fmt: skip
    return found


def held(value: float | None, wanted: float | None, better: str) -> str:
    """Return how a value stands."""
    if wanted is None or value is None:
        return "not_known"
    return "on" if (value >= wanted if better == "higher" else value <= wanted) else "off"


def goal_rows(
    kind: str, key: str, line: Row, more: dict[str, Any], periods: list[Row],
    history: list[Fraction | None], first: date, last: date,
) -> Iterator[Row]:  # fmt: skip
    """Yield the rows of a goal: one for each period, in order, or one that there is none."""
    who = whose(line)
    names = ("metric", "entity_type", "entity_key", "value_stream_key", *OF, "period")
    baseline, target, better = more["baseline"], line["target"], line["better"]
    for row in periods or [None]:
        value = row and row["value"]
        wanted = target if kind == "kpi" else None
        if kind == "key_result" and row:
            gone = Fraction((row["period_end"] - first).days + 1, (last - first).days + 1)
            start = target if baseline is None else baseline
            wanted = start + (target - start) * float(min(gone, Fraction(1)))
        progress = None
        if baseline is not None and value is not None:
            progress = min(max((value - baseline) / (target - baseline), 0.0), 1.0)
        mean, trend, exact = None, None, None
        if value is not None:
            exact = Fraction(round(value * 10**9), 10**9)
            three = history[-3:]
            if len(three) == 3 and None not in three:
                total = sum(three, Fraction())
                mean = float(total) / 3
                way = (3 * exact > total) - (3 * exact < total)
                way = way if better == "higher" else -way
                trend = ("worse", "same", "better")[way + 1]
        history.append(exact)
        since = str(row["period_start"]) if row else f"never|{first}"
        yield {
            "metric_target_key": f"{kind}|{key}|{since}",
            "kind": kind, "goal_key": key, **more, **dict(zip(names, who, strict=True)),
            "better": better, "value": value, "n": row and row["n"], "target": target,
            "expected": wanted, "progress_share": progress, "mean_before": mean, "trend": trend,
            "status": "no_target" if target is None else held(value, wanted, better),
            "is_complete_period": row and row["is_complete_period"],
            "period_start": row and row["period_start"], "period_end": row and row["period_end"],
        }  # fmt: skip


@recounts("metric_targets")
def targets(tables: Tables) -> Iterator[Row]:
    """KPIs line by line, oldest first, then key results."""
    today = tables.as_of.date()
    known = numbers(tables)
    histories: dict[str, list[Fraction | None]] = defaultdict(list)
    for line in sorted(tables.rows("targets"), key=lambda row: row["valid_from"] or date.min):
        first, last = line["valid_from"] or date.min, line["valid_to"] or date.max
        if first > today:
            continue
        periods = [row for row in known[whose(line)] if first <= row["period_start"] < last]
        periods.sort(key=lambda row: row["period_start"])
        more = {
            "objective_key": None, "owner_team_key": line["owner_team_key"], "baseline": None
        }  # fmt: skip
        history = histories[line["target_key"]]
        yield from goal_rows("kpi", line["target_key"], line, more, periods, history, first, last)
    objectives = tables.by("objectives", "objective_key")
    loaded: dict[str, list[Row]] = defaultdict(list)
    for row in tables.rows("key_result_values"):
        loaded[row["key_result_key"]].append(
            {
                "value": row["value"], "n": None, "is_complete_period": True,
                "period_start": row["measured_on"], "period_end": row["measured_on"],
            }
        )  # fmt: skip
    for line in tables.rows("key_results"):
        objective = objectives[line["objective_key"]]
        first, last = objective["starts_on"], objective["ends_on"]
        if first > today:
            continue
        key = line["key_result_key"]
        source = known[whose(line)] if line["metric"] else loaded[key]
        until = min(last, today) if line["metric"] is None else last
        periods = [row for row in source if first <= row["period_start"] <= until]
        periods.sort(key=lambda row: row["period_start"])
        more = {
            "objective_key": line["objective_key"], "baseline": line["baseline"],
            "owner_team_key": objective["owner_team_key"],
        }  # fmt: skip
        yield from goal_rows("key_result", key, line, more, periods, [], first, last)


TABLES = {
    "week": ("metric_flow", "metric_flow_totals"),
    "month": ("metric_flow_months", "metric_flow_month_totals"),
    "increment": ("metric_flow_increments", "metric_flow_increment_totals"),
}


@recounts("metric_guardrails")
def guardrails(tables: Tables) -> Iterator[Row]:
    """Each guardrail beside the published tables of its period: one type, and all of them."""
    for line in tables.rows("guardrails"):
        group = tuple(line[name] for name in ("value_stream_key", "workflow", "level"))
        by_type, totals = TABLES[line["period"]]
        number = "velocity" if line["basis"] == "items" else "active_s"
        parts = {
            row[f"{line['period']}_start"]: row[number]
            for row in tables.rows(by_type)
            if (row["value_stream_key"], row["workflow"], row["level"]) == group
            and row["work_type"] == line["work_type"]
        }
        for row in tables.rows(totals):
            start = row[f"{line['period']}_start"]
            if (row["value_stream_key"], row["workflow"], row["level"]) != group:
                continue
            if not (line["valid_from"] or date.min) <= start < (line["valid_to"] or date.max):
                continue
            if line["period"] == "increment":
                end = row["increment_end"]
            elif line["period"] == "week":
                end = start + 6 * DAY
            else:
                end = (start + 31 * DAY).replace(day=1) - DAY
            part, whole = parts.get(start, 0), row[number]
            least, most = line["min_share"], line["max_share"]
            status = "within"
            if not whole:
                status = "not_known"
            elif least is not None and part / whole < least:
                status = "below"
            elif most is not None and part / whole > most:
                status = "above"
            yield {
                "metric_guardrail_key": f"{line['guardrail_key']}|{start}",
                **{name: line[name] for name in (
                    "guardrail_key", "value_stream_key", "workflow", "level", "work_type",
                    "basis", "period", "min_share", "max_share",
                )},
                "n": row["velocity"], "allocated": part, "allocated_of_all": whole,
                "actual_share": part / whole if whole else None, "status": status,
                "is_complete_period": row["is_complete_period"], "period_start": start,
                "period_end": end,
            }  # fmt: skip

"""Recounts of what the feeds bring: line by line, and held against the items that lines name."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

from tests.recount.calendars import utc
from tests.recount.plain import grouped, local_day, staged
from tests.recount.registry import Row, Tables, recounts

DAY, WEEK = timedelta(days=1), timedelta(days=7)
NOBODY = "unassigned"


def lines(tables: Tables, feed: str, day: str) -> list[Row]:
    """Return the lines of a feed that are of a day up to as_of."""
    today = tables.as_of.date()
    return [row for row in staged(tables, f"stg_feeds__{feed}") if row[day] <= today]


def stream_of(tables: Tables, row: Row) -> Row:
    """Return the value stream that a line names, and its name there."""
    named = row["value_stream_key"]
    known = any(stream["value_stream_key"] == named for stream in tables.rows("dim_value_streams"))
    return {"value_stream_key": named if known else NOBODY, "named_value_stream": named}


def owner_of(tables: Tables, row: Row) -> Row:
    """Return the team that a line names as its owner, and its name there."""
    named = row["owner_team_key"]
    known = any(team["team_key"] == named for team in tables.rows("dim_teams"))
    return {"owner_team_key": named and (named if known else NOBODY), "named_team": named}


def item_of(tables: Tables, row: Row) -> Row:
    """Return the item that a line names by a key that it has or had, whatever its capitals."""
    named = row["work_item"]
    items = tables.rows("dim_work_items")
    found = [item for item in items if named and item["item_key"].upper() == named.upper()]
    keys = {item["work_item_key"] for item in found}
    for other in tables.rows("int_jira_issue_keys"):
        if named and other["issue_key"].upper() == named.upper():
            keys = {other["work_item_key"]}
    assert len(keys) <= 1, f"{named} is the key of several items"
    key = keys.pop() if keys else None
    now = [item for item in items if item["work_item_key"] == key and item["is_current"]]
    return {
        "work_item_key": key,
        "work_item_version_key": now[0]["work_item_version_key"] if now else None,
        "named_item": named,
    }


def zone_of(tables: Tables, stream: str) -> str:
    """Return the time zone of a value stream."""
    zones = {row["value_stream_key"]: row["time_zone"] for row in tables.rows("dim_value_streams")}
    return zones[stream]


def after(month: date) -> date:
    """Return the first day of the month that follows."""
    return (month.replace(day=1) + timedelta(days=31)).replace(day=1)


def has_ended(tables: Tables, stream: str, month: date) -> bool:
    """Say whether a month is over in a value stream."""
    return after(month) <= local_day(tables.as_of, zone_of(tables, stream))


def experiment_rows(tables: Tables) -> Iterator[Row]:
    """Yield the experiments."""
    today = tables.as_of.date()
    traces = tables.by("fct_traces", "work_item_key")
    for row in lines(tables, "experiments", "conceived_on"):
        stream, item = stream_of(tables, row), item_of(tables, row)
        zone = zone_of(tables, stream["value_stream_key"])
        trace = traces.get(item["work_item_key"], {"idea_at": None, "deployed_at": None})
        begun, released = (
            trace[name] and local_day(trace[name], zone) for name in ("idea_at", "deployed_at")
        )

        def known(day: str, value: str | None = None, row: Row = row) -> Any:
            is_past = row[day] is not None and row[day] <= today
            return row[value or day] if is_past else None

        idea = min(row["conceived_on"], begun or row["conceived_on"])
        days = {
            "idea_to_release_days": released,
            "idea_to_first_use_days": known("first_use_on"),
            "idea_to_learned_days": known("learned_on"),
            "idea_to_decided_days": known("decided_on"),
        }
        yield {
            **{name: row[name] for name in (
                "experiment_key", "hypothesis", "measure", "better", "expected_delta",
                "conceived_on", "due_on",
            )},
            **stream, **item, **owner_of(tables, row),
            "observed_delta": known("learned_on", "observed_delta"),
            "idea_on": idea,
            "released_on": released,
            "first_use_on": known("first_use_on"),
            "learned_on": known("learned_on"),
            "verdict": known("learned_on", "verdict"),
            "decided_on": known("decided_on"),
            "decision": known("decided_on", "decision"),
            **{name: (day - idea).days if day else None for name, day in days.items()},
            "is_overdue": known("learned_on") is None and row["due_on"] < today,
        }  # fmt: skip


@recounts("fct_experiments")
def experiments(tables: Tables) -> Iterator[Row]:
    """Experiments as far as they had come."""
    yield from experiment_rows(tables)


@recounts("fct_value_measures")
def value_measures(tables: Tables) -> Iterator[Row]:
    """Values of each measure."""
    for row in lines(tables, "value_measures", "measured_on"):
        yield {
            "value_measure_key": "|".join(
                str(row[name]) for name in ("value_stream_key", "measure", "measured_on")
            ),
            **stream_of(tables, row), **owner_of(tables, row),
            **{name: row[name] for name in (
                "measure", "measured_on", "value", "kind", "unit", "better", "measured_by",
            )},
        }  # fmt: skip


@recounts("fct_stream_financials")
def financials(tables: Tables) -> Iterator[Row]:
    """Money of each value stream and month."""
    for row in lines(tables, "stream_financials", "month_start"):
        budget, spend, revenue = row["budget"], row["spend"], row["revenue"]
        yield {
            "stream_financial_key": "|".join(
                str(row[name]) for name in ("value_stream_key", "month_start", "currency")
            ),
            **stream_of(tables, row),
            **{name: row[name] for name in ("month_start", "currency")},
            "budget": budget, "spend": spend, "revenue": revenue,
            "margin": None if None in (revenue, spend) else revenue - spend,
            "is_over_budget": None if None in (budget, spend) else spend > budget,
        }  # fmt: skip


@recounts("fct_risks")
def risks(tables: Tables) -> Iterator[Row]:
    """Risks, each time that they were assessed."""
    of_risk = grouped(lines(tables, "risks", "assessed_on"), "risk")
    for risk, some in of_risk.items():
        last = max(row["assessed_on"] for row in some)
        for row in some:
            is_latest = row["assessed_on"] == last
            yield {
                "risk_assessment_key": f"{risk}|{row['assessed_on']}",
                **{name: row[name] for name in (
                    "risk", "name", "category", "assessed_on", "likelihood", "impact", "status",
                    "response", "due_on",
                )},
                **stream_of(tables, row), **item_of(tables, row), **owner_of(tables, row),
                "exposure": row["likelihood"] * row["impact"],
                "is_latest": is_latest,
                "is_open": is_latest and row["status"] not in ("occurred", "closed"),
            }  # fmt: skip


@recounts("fct_assessments")
def assessments(tables: Tables) -> Iterator[Row]:
    """Scores, but for those of a handful of people."""
    keys = ("assessment", "value_stream_key", "dimension")
    for key, some in grouped(lines(tables, "assessments", "assessed_on"), *keys).items():
        last = max(row["assessed_on"] for row in some)
        for row in some:
            is_shown = row["respondents"] is None or row["respondents"] >= 5
            score = row["score"] if is_shown else None
            yield {
                "assessment_score_key": "|".join((*key, str(row["assessed_on"]))),
                **stream_of(tables, row),
                **{name: row[name] for name in (
                    "assessment", "dimension", "assessed_on", "best_score",
                )},
                "score": score,
                "score_share": None if score is None or not row["best_score"] else (
                    score / row["best_score"]
                ),
                "respondents": row["respondents"] if is_shown else None,
                "is_latest": row["assessed_on"] == last,
            }  # fmt: skip


def capacity_rows(tables: Tables) -> Iterator[Row]:
    """Yield the capacities of teams."""
    known = {team["team_key"] for team in tables.rows("dim_teams")}
    for row in lines(tables, "team_capacities", "week_start"):
        named = row["team_key"]
        yield {
            "team_capacity_key": f"{named}|{row['role']}|{row['week_start']}",
            "team_key": named if named in known else NOBODY,
            "named_team": named,
            **{name: row[name] for name in ("role", "week_start", "available_hours")},
        }


@recounts("fct_team_capacities")
def capacities(tables: Tables) -> Iterator[Row]:
    """Hours of each team, role and week."""
    yield from capacity_rows(tables)


@recounts("metric_time_to_learning")
def learning(tables: Tables) -> Iterator[Row]:
    """Months in which something was conceived or learned."""
    conceived: dict[tuple, int] = defaultdict(int)
    learned: dict[tuple, list[Row]] = defaultdict(list)
    for row in experiment_rows(tables):
        stream = row["value_stream_key"]
        conceived[stream, row["conceived_on"].replace(day=1)] += 1
        if row["learned_on"]:
            learned[stream, row["learned_on"].replace(day=1)].append(row)
    for stream, month in set(conceived) | set(learned):
        some = learned.get((stream, month), [])
        days = sum((row["learned_on"] - row["idea_on"]).days for row in some)
        won, lost = (
            sum(row["verdict"] == verdict for row in some) for verdict in ("supported", "refuted")
        )
        yield {
            "metric_time_to_learning_key": f"{stream}|{month}",
            "value_stream_key": stream,
            "conceived_experiments": conceived.get((stream, month), 0),
            "learned_experiments": len(some),
            "supported_experiments": won,
            "refuted_experiments": lost,
            "learning_days": days,
            "mean_learning_days": days / len(some) if some else None,
            "supported_share": won / (won + lost) if won + lost else None,
            "is_complete_period": has_ended(tables, stream, month),
            "month_start": month,
        }


@recounts("metric_value_per_spend")
def values(tables: Tables) -> Iterator[Row]:
    """Months of each measure beside what was spent in each currency."""
    money: dict[tuple, list[Row]] = defaultdict(list)
    for row in lines(tables, "stream_financials", "month_start"):
        money[row["value_stream_key"], row["month_start"]].append(row)
    known = {row["value_stream_key"] for row in tables.rows("dim_value_streams")} - {NOBODY}
    found = lines(tables, "value_measures", "measured_on")
    for (stream, measure), some in grouped(found, "value_stream_key", "measure").items():
        if stream not in known:
            continue
        months: dict[date, list[Row]] = defaultdict(list)
        for row in sorted(some, key=lambda row: row["measured_on"]):
            months[row["measured_on"].replace(day=1)].append(row)
        is_amount = some[0]["kind"] == "amount"
        value = {
            month: sum(row["value"] for row in rows) if is_amount else rows[-1]["value"]
            for month, rows in months.items()
        }
        for month, rows in months.items():
            before = value.get((month - DAY).replace(day=1))
            change = None if before is None else value[month] - before
            is_higher = some[0]["better"] == "higher"
            for spent in money.get((stream, month), [{"currency": None, "spend": None}]):
                is_bought = is_amount and is_higher and bool(spent["spend"])
                yield {
                    "metric_value_per_spend_key": (
                        f"{stream}|{measure}|{spent['currency'] or 'none'}|{month}"
                    ),
                    "value_stream_key": stream,
                    **{name: some[0][name] for name in ("measure", "kind", "unit", "better")},
                    "currency": spent["currency"],
                    "measured_days": len(rows),
                    "measured_value": value[month],
                    "previous_value": before,
                    "improvement": change if change is None or is_higher else -change,
                    "spend": spent["spend"],
                    "value_per_spend": value[month] / spent["spend"] if is_bought else None,
                    "is_complete_period": has_ended(tables, stream, month),
                    "month_start": month,
                }


@recounts("metric_team_load")
def loads(tables: Tables) -> Iterator[Row]:
    """Weeks of each team: how long each of its items lay in an active stage."""
    teams = tables.by("dim_teams", "team_key")
    streams = tables.by("dim_value_streams", "value_stream_key")
    items = tables.by("dim_work_items", "work_item_version_key")
    hours: dict[tuple, float] = defaultdict(float)
    for row in capacity_rows(tables):
        hours[row["team_key"], row["week_start"]] += row["available_hours"]
    open_s: dict[tuple, int] = defaultdict(int)
    for row in tables.rows("dim_calendars"):
        monday = row["date_day"] - row["date_day"].weekday() * DAY
        open_s[row["calendar"], row["time_zone"], monday] += row["open_s"]
    spans: dict[tuple, list[tuple[datetime, datetime]]] = defaultdict(list)
    for row in tables.rows("fct_stage_visits"):
        item = items[row["work_item_version_key"]]
        if row["flow_state"] != "active" or item["team_key"] == NOBODY:
            continue
        span = row["entered_at"], row["exited_at"] or tables.as_of
        spans[item["team_key"], item["workflow"], item["level"]].append(span)
    for (team, workflow, level), some in spans.items():
        stream = streams[teams[team]["value_stream_key"]]
        zone, now = stream["time_zone"], tables.as_of
        begun = local_day(min(begins for begins, _ in some), zone)
        monday = begun - begun.weekday() * DAY
        while (start := utc(monday, "00:00", zone)) < now:
            week_end = utc(monday + WEEK, "00:00", zone)
            end = min(week_end, now)
            lain = sum(
                (min(ends, end) - max(begins, start)).total_seconds()
                for begins, ends in some
                if begins < end and ends > start
            )
            mean = lain / (end - start).total_seconds()
            available = hours.get((team, monday))
            worked = open_s[stream["calendar"], zone, monday] / 3600
            ftes = available / worked if available is not None and worked else None
            yield {
                "metric_team_load_key": f"{team}|{workflow}|{level}|{monday}",
                "team_key": team,
                "value_stream_key": stream["value_stream_key"],
                "workflow": workflow,
                "level": level,
                "mean_active_items": mean,
                "available_hours": available,
                "available_ftes": ftes,
                "items_per_fte": mean / ftes if ftes else None,
                "is_complete_period": week_end <= now,
                "week_start": monday,
            }
            monday += WEEK

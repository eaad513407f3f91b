"""Recount of the long rows: every table read as its own columns say, one number after another."""

from collections.abc import Iterable, Iterator
from datetime import date, timedelta

from tests.recount.registry import Row, Tables, recounts

DAY = timedelta(days=1)
GROUP = ("value_stream_key", "workflow", "level", "work_type")

FLOWS = {
    "metric_flow": "week", "metric_flow_totals": "week", "metric_flow_teams": "week",
    "metric_flow_team_totals": "week", "metric_flow_months": "month",
    "metric_flow_month_totals": "month", "metric_flow_team_months": "month",
    "metric_flow_team_month_totals": "month", "metric_flow_increments": "increment",
    "metric_flow_increment_totals": "increment", "metric_flow_team_increments": "increment",
    "metric_flow_team_increment_totals": "increment",
}  # fmt: skip

Number = tuple[str, float | None, int | None, float | None, float | None]
"""Metric, value, of how many values, and of a share its numerator and denominator."""


def last_day(period: str, first: date) -> date:
    """Return the last day of a week or a month."""
    if period == "week":
        return first + 6 * DAY
    return (first.replace(day=28) + 4 * DAY).replace(day=1) - DAY


def counts(row: Row, *names: str) -> list[Number]:
    """Return numbers that are of as many values as they count."""
    return [(name, row[name], row[name], None, None) for name in names]


def of(n: str, row: Row, *names: str) -> list[Number]:
    """Return numbers that are of as many values as a column says."""
    return [(name, row[name], row[n], None, None) for name in names]


def share(row: Row, name: str, part: int | None, whole: int | None, n: int | None) -> Number:
    """Return a share with its two sides."""
    return (name, row[name], n, part, whole)


def rows_of(
    row: Row, entity: tuple[str, str], period: tuple[str, date, date], numbers: list[Number],
    is_complete: bool = True, part: str = "all", stream: str | None = None,
) -> Iterator[Row]:  # fmt: skip
    """Yield the long rows of a row; what is of nothing, and nothing, has none."""
    for metric, value, n, numerator, denominator in numbers:
        if value is None and not n:
            continue
        yield {
            "metric": metric, "entity_type": entity[0], "entity_key": entity[1],
            "value_stream_key": stream or row.get("value_stream_key", "all"),
            "workflow": row.get("workflow", "all"), "level": row.get("level", "all"),
            "work_type": row.get("work_type", "all"), "part": part, "period": period[0],
            "value": value, "n": n,
            "numerator": None if value is None else numerator,
            "denominator": None if value is None else denominator,
            "is_complete_period": is_complete, "period_start": period[1], "period_end": period[2],
        }  # fmt: skip


def flows(tables: Tables) -> Iterator[Row]:
    for table, period in FLOWS.items():
        rows = tables.rows(table)
        of_all: dict[tuple, int] = {}
        for row in rows:
            who = (*(row[name] for name in GROUP[:3]), row.get("team_key"), row[f"{period}_start"])
            of_all[who] = of_all.get(who, 0) + row["velocity"]
        for row in rows:
            first, velocity = row[f"{period}_start"], row["velocity"]
            who = (*(row[name] for name in GROUP[:3]), row.get("team_key"), first)
            numbers = [
                *counts(row, "velocity", "earlier_finishes"),
                *of("n", row, "flow_time_p50_s", "flow_time_p85_s", "flow_time_p95_s"),
                share(
                    row, "flow_efficiency_share", row["active_s"],
                    row["active_s"] + row["wait_s"], velocity,
                ),
                share(row, "started_share", row["n"], velocity, velocity),
                share(row, "rework_share", row["rework_s"], row["in_flow_s"], velocity),
                share(
                    row, "first_pass_yield_share", row["first_pass_items"], velocity, velocity
                ),
            ]  # fmt: skip
            if "load" in row:
                numbers += counts(row, "load")
            if "work_type" in row:
                whole = of_all[who]
                numbers.append(share(row, "distribution_share", velocity, whole, whole))
            team = row.get("team_key")
            entity = ("team", team) if team else ("value_stream", row["value_stream_key"])
            end = row["increment_end"] if period == "increment" else last_day(period, first)
            yield from rows_of(
                row, entity, (period, first, end), numbers, row["is_complete_period"]
            )


def deliveries(tables: Tables) -> Iterator[Row]:
    for table in ("metric_dora", "metric_dora_weeks"):
        for row in tables.rows(table):
            releases, merged = row["deployments"], row["merged_changes"]
            failed, guessed = row["failed_deployments"], row["assumed_failed_deployments"]
            numbers = [
                *counts(
                    row, "deployments", "merged_changes", "deployed_changes", "failed_deployments"
                ),
                share(
                    row, "commit_coverage_share", row["matched_deployments"], releases, releases
                ),
                share(row, "lead_time_coverage_share", row["traced_changes"], merged, merged),
                *of("changes", row, "lead_time_p50_s", "lead_time_p85_s"),
                share(row, "change_fail_share", failed, releases, releases),
                share(
                    row, "change_fail_with_guesses_share",
                    None if failed is None else failed + guessed, releases, releases,
                ),
                *of("recovered_deployments", row, "recovery_time_p50_s"),
                share(
                    row, "deployment_rework_share", row["rework_deployments"], releases, releases
                ),
            ]  # fmt: skip
            first, period = row["period_start"], row["period"]
            yield from rows_of(
                row, ("service", row["service_key"]), (period, first, last_day(period, first)),
                numbers, row["is_complete_period"], stream="all",
            )  # fmt: skip


def agreements(tables: Tables) -> Iterator[Row]:
    for row in tables.rows("metric_incident_sla"):
        numbers = [
            *counts(row, "started", "breached", "unjudged", "running", "running_breached"),
            share(row, "met_share", row["met"], row["ended"], row["ended"]),
            *of("time_n", row, "time_p50_s", "time_p85_s"),
        ]
        first = row["month_start"]
        yield from rows_of(
            row, ("value_stream", row["value_stream_key"]),
            ("month", first, last_day("month", first)), numbers, row["is_complete_period"],
            part=f"{row['priority']}|{row['target']}",
        )  # fmt: skip


def stages(tables: Tables) -> Iterator[Row]:
    for row in tables.rows("metric_time_in_stage"):
        numbers = [
            *counts(row, "visits", "bounces"),
            *of("visits", row, "elapsed_p50_s", "elapsed_p85_s", "elapsed_s", "blocked_s"),
        ]
        first = row["week_start"]
        yield from rows_of(
            row, ("stage", row["stage_key"]), ("week", first, last_day("week", first)),
            numbers, row["is_complete_period"],
        )  # fmt: skip
    for row in tables.rows("metric_value_stream_map"):
        numbers = [
            *of(
                "visits", row, "wait_p50_s", "wait_p85_s", "active_p50_s", "active_p85_s",
                "wait_s", "active_s", "visits_within_wait_target", "visits_within_active_target",
            ),
            share(row, "rework_share", row["rework_visits"], row["visits"], row["visits"]),
        ]  # fmt: skip
        first = row["month_start"]
        yield from rows_of(
            row, ("stage", row["stage_key"]), ("month", first, last_day("month", first)),
            numbers, row["is_complete_period"],
        )  # fmt: skip


def evenings(rows: Iterable[Row]) -> Iterator[tuple[Row, tuple[str, date, date]]]:
    """Yield the rows of Sundays, each with its week."""
    for row in rows:
        if row["date_day"].weekday() == 6:
            yield row, ("week", row["date_day"] - 6 * DAY, row["date_day"])


def stocks(tables: Tables) -> Iterator[Row]:
    for row, week in evenings(tables.rows("metric_wip")):
        yield from rows_of(
            row, ("stage", row["stage_key"]), week,
            counts(row, "wip_eod", "queue_len", "blocked_wip"), row["is_complete_period"],
        )  # fmt: skip
    for row, week in evenings(tables.rows("metric_wip_totals")):
        numbers = [
            *counts(
                row, "open_items", "backlog_items", "in_flow_items", "waiting_items",
                "worked_on_items", "wip_items", "blocked_items",
            ),
            *of("wip_items", row, "age_sum_s"),
        ]  # fmt: skip
        yield from rows_of(
            row, ("value_stream", row["value_stream_key"]), week, numbers,
            row["is_complete_period"],
        )  # fmt: skip


def charts(tables: Tables) -> Iterator[Row]:
    for row in tables.rows("metric_xmr"):
        if row["metric"] == "flow_time_log_h":
            first = row["week_start"]
            yield from rows_of(
                row, ("value_stream", row["value_stream_key"]), ("week", first, first + 6 * DAY),
                [("flow_time_log_h", row["value"], row["n"], None, None)],
                row["is_complete_period"],
            )  # fmt: skip


def of_feeds(tables: Tables) -> Iterator[Row]:
    """What feeds bring, month by month; a value is one however many currencies were spent."""

    def month(row: Row, numbers: list[Number], part: str = "all") -> Iterator[Row]:
        first = row["month_start"]
        yield from rows_of(
            row, ("value_stream", row["value_stream_key"]),
            ("month", first, last_day("month", first)), numbers, row["is_complete_period"],
            part=part,
        )  # fmt: skip

    for row in tables.rows("metric_time_to_learning"):
        learned = row["learned_experiments"]
        won = row["supported_experiments"]
        judged = won + row["refuted_experiments"]
        numbers = [
            *counts(row, "conceived_experiments", "learned_experiments"),
            *counts(row, "supported_experiments", "refuted_experiments"),
            share(row, "mean_learning_days", row["learning_days"], learned, learned),
            share(row, "supported_share", won, judged, judged),
        ]
        yield from month(row, numbers)
    seen = set()
    for row in tables.rows("metric_value_per_spend"):
        what = row["value_stream_key"], row["measure"], row["month_start"]
        days = row["measured_days"]
        if what not in seen:
            seen.add(what)
            numbers = of("measured_days", row, "measured_value", "improvement")
            yield from month(row, numbers, row["measure"])
        if row["value_per_spend"] is not None:
            number = share(row, "value_per_spend", row["measured_value"], row["spend"], days)
            yield from month(row, [number], f"{row['measure']}|{row['currency']}")


def known_now(tables: Tables) -> Iterator[Row]:
    """What has no period."""
    now = ("as_of", tables.as_of.date(), tables.as_of.date())
    for row in tables.rows("metric_forecast_calibration"):
        yield from rows_of(
            row, ("value_stream", row["value_stream_key"]), now,
            [share(row, "coverage_share", row["hits"], row["n"], row["n"])],
            part=f"p{row['percentile']}",
        )  # fmt: skip
    for row in tables.rows("metric_data_quality"):
        yield from rows_of(
            row, ("source_system", row["source_system"]), now,
            [share(row, "affected_share", row["affected"], row["total"], row["total"])],
            part=row["measure"], stream="all",
        )  # fmt: skip
    for row in tables.rows("metric_unmapped_time"):
        items = row["unmapped_items"]
        yield from rows_of(
            row, ("value_stream", row["value_stream_key"]), now,
            [
                *counts(row, "unmapped_items"),
                share(row, "unmapped_share", row["unmapped_s"], row["elapsed_s"], items),
            ],
        )  # fmt: skip


@recounts("fct_metric_observations")
def observations(tables: Tables) -> Iterator[Row]:
    for read in (flows, deliveries, agreements, stages, stocks, charts, of_feeds, known_now):
        yield from read(tables)

"""What must hold of every raw table before a model may read it, checked by Great Expectations.

A suite is made from what the source says of a table: its key, its columns, its loads so far. What
no model could be built on stops a refresh; what is only odd (a gap, a word that nobody knows, times
out of order, much more or less than usual, nothing new for long) is counted as a warning.

Run as a program of its own (`python -m extract.expectations RESULTS.json DOCS [SOURCE/TABLE …]`):
Great Expectations keeps its DuckDB handle open until the process ends.
"""

import json
import logging
import os
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")

import great_expectations as gx
import great_expectations.expectations as gxe
from great_expectations.core.batch_definition import BatchDefinition
from great_expectations.data_context.types.base import ProgressBarsConfig
from great_expectations.expectations.expectation import Expectation
from great_expectations.expectations.metadata_types import FailureSeverity
from sqlalchemy.dialects import registry

from extract import expectation_docs, raw_store
from extract.sources import SOURCES
from extract.tables import TIMESTAMP, RawTable, instant

STOPS, WARNS = FailureSeverity.CRITICAL, FailureSeverity.WARNING

WANTED: dict[str, tuple[str, ...]] = {
    "jira/issues": ("key", "created_at", "updated_at"),
    "jira/histories": ("created_at",),
    "jira/statuses": ("name",),
    "github/issues": ("number", "created_at"),
    "github/issue_events": ("issue_id", "created_at"),
    "github/pull_requests": ("number", "created_at"),
    "github/workflow_runs": ("head_sha", "created_at"),
    "github/deployments": ("sha", "created_at"),
    "github/deployment_statuses": ("state", "created_at"),
    "gitlab/issues": ("created_at",),
    "gitlab/merge_requests": ("created_at",),
    "gitlab/pipelines": ("sha", "created_at"),
    "servicenow/incidents": ("number",),
    "servicenow/change_requests": ("number",),
    "servicenow/problems": ("number",),
    "servicenow/requested_items": ("number",),
    "servicenow/task_slas": ("task_id",),
    "servicenow/audits": ("document_id", "sys_created_at"),
}
"""Columns that a source should never leave empty, by `<source>/<table>`: rows without them are
loaded, the models flag what they lack, and a warning counts them."""

_RUN = ("queued", "in_progress", "completed", "waiting", "requested", "pending")
_CONCLUSION = (
    "success", "failure", "neutral", "cancelled", "skipped", "timed_out", "action_required",
    "stale", "startup_failure",
)  # fmt: skip
_PIPELINE = (
    "created", "waiting_for_resource", "waiting_for_callback", "preparing", "pending", "running",
    "success", "failed", "canceled", "canceling", "skipped", "manual", "scheduled",
)  # fmt: skip
WORDS: dict[str, dict[str, tuple[str, ...]]] = {
    "jira/statuses": {"category_key": ("new", "indeterminate", "done", "undefined")},
    "jira/sprints": {"state": ("future", "active", "closed")},
    "github/issues": {"state": ("open", "closed")},
    "github/pull_requests": {"state": ("open", "closed", "merged")},
    "github/reviews": {
        "state": ("approved", "changes_requested", "commented", "dismissed", "pending")
    },
    "github/workflow_runs": {"status": _RUN, "conclusion": _CONCLUSION},
    "github/jobs": {"status": _RUN, "conclusion": _CONCLUSION},
    "github/deployment_statuses": {
        "state": (
            "error", "failure", "inactive", "in_progress", "queued", "pending", "success",
            "waiting", "abandoned", "destroyed",
        )
    },
    "gitlab/pipelines": {"status": _PIPELINE},
    "gitlab/jobs": {"status": _PIPELINE},
    "gitlab/bridges": {"status": _PIPELINE},
    "jenkins/builds": {"result": ("success", "unstable", "failure", "not_built", "aborted")},
}  # fmt: skip
"""All words that a source's own documentation has for a column, whatever their case. Words that a
company may choose are mapped by seeds, and have no line here."""

IN_ORDER = {
    "created_at": ("updated_at", "closed_at", "merged_at"),
    "sys_created_at": ("sys_updated_at",),
    "started_at": ("completed_at", "finished_at", "ended_at"),
    "missed_at": ("gone_at",),
    "gap_from": ("gap_to",),
}
"""Times of one row that cannot lie before others of it."""

NEWEST = ("updated_at", "sys_updated_at", "created_at", "sys_created_at", "started_at")
"""The first of these that a table has says how fresh it is."""

LEAST_DAYS = 20
"""Days with rows of the last 90, below which nobody knows what is usual."""

PATIENCE = 3
"""How many times the longest gap of those days is still normal; and at least as many days."""

LEAST_LOADS = 5
"""Loads before the last one, below which nobody knows how many rows are usual."""

TIMES_USUAL, MANY_ROWS = 20, 1_000
"""What is odd: so many times as many rows as usual, or as few, where one of them is as many."""

LOST_SHARE = 0.02
"""A raw table never loses rows, but for people who are erased: more than this share is odd."""


@dataclass(frozen=True)
class Usual:
    """What a raw table has shown so far.

    Attributes:
        newest: When its newest row is of.
        longest_gap_days: The most days between two days with rows, of the 90 before it.
        rows: How many rows it had when it was checked last.
        median_loaded: Rows of a load, of those before the last one.
    """

    newest: datetime | None = None
    longest_gap_days: int | None = None
    rows: int | None = None
    median_loaded: float | None = None

    @property
    def stale_from(self) -> datetime | None:
        """From when on it is odd that no newer row has come; None if nobody knows."""
        if self.newest is None or self.longest_gap_days is None:
            return None
        return self.newest + timedelta(days=PATIENCE * max(self.longest_gap_days, 1))


def usual(source: str, table: RawTable, rows: int | None) -> Usual:
    """Return what a raw table has shown so far, from its rows and the audits of its loads."""
    newest = gap = None
    column = next((name for name in NEWEST if table.columns.get(name) == TIMESTAMP), None)
    if column:
        [(newest, days, gap)] = raw_store.rows(
            source,
            f"""
            with

            newest as (

                select max({column}) as newest from {source}.{table.name}

            ),

            days as (

                select distinct cast(rows.{column} as date) as day, newest.newest
                from {source}.{table.name} as rows
                inner join newest
                    on rows.{column} > newest.newest - interval 90 day

            ),

            gaps as (

                select newest, day - lag(day) over (order by day) as gap from days

            )

            select any_value(newest), count(*), max(gap) from gaps
            """,
        )
        if days < LEAST_DAYS:
            newest = gap = None
    [(loads, median)] = raw_store.rows(
        source,
        f"""
        with

        loads as (

            select refresh_id, sum(extracted) as extracted, max(finished_at) as finished_at
            from {source}.load_audits
            where object = $table and window_from is not null
            group by refresh_id

        ),

        ordered as (

            select extracted, row_number() over (order by finished_at desc) as row_num from loads

        )

        select count(*), median(extracted) from ordered where row_num > 1 and extracted > 0
        """,
        table=table.name,
    )
    if newest is not None:
        newest = newest.replace(tzinfo=UTC) if newest.tzinfo is None else newest.astimezone(UTC)
    return Usual(newest, gap, rows, median if loads >= LEAST_LOADS else None)


def expectations_of(
    source: str, table: RawTable, known: Usual, as_of: datetime
) -> list[Expectation]:
    """Return what must hold of a raw table, its keys and its payload, and what should."""
    name = f"{source}/{table.name}"
    return [
        *(_filled(column, STOPS) for column in table.key),
        _no_row(
            "every primary key is there once",
            "the primary key is not unique",
            f"select 1 from {{batch}} group by {', '.join(table.key)} having count(*) > 1",
            STOPS,
        ),
        _no_row(
            "every payload is JSON without a person's name or mail address",
            "the payload is not JSON or holds a person's name or mail address",
            "select 1 from {batch} where not json_valid(payload) "
            """or payload like '%"emailAddress"%' or payload like '%"displayName"%'""",
            STOPS,
        ),
        *(_filled(column, WARNS) for column in WANTED.get(name, ())),
        *(
            _no_row(
                f"{column} has a word that the source documents",
                f"{column} has a word that nobody knows",
                f"select 1 from {{batch}} where lower({column}) not in ({_texts(words)})",
                WARNS,
            )
            for column, words in WORDS.get(name, {}).items()
        ),
        *(
            _no_row(
                f"{later} does not lie before {earlier}",
                f"{later} lies before {earlier}",
                f"select 1 from {{batch}} where {later} < {earlier}",
                WARNS,
            )
            for earlier, ends in IN_ORDER.items()
            for later in ends
            if {earlier, later} <= table.columns.keys()
        ),
        *_against_history(source, table, known, as_of),
    ]


def _against_history(
    source: str, table: RawTable, known: Usual, as_of: datetime
) -> list[Expectation]:
    """Return what should hold of a table if its source goes on as it did."""
    found = []
    if known.stale_from is not None:
        days = (as_of - known.newest).days
        found.append(
            _no_row(
                "the newest row is as young as usual",
                f"the newest row is {days:,} days old, and before there were never more than"
                f" {known.longest_gap_days:,} days without one",
                # The condition is about the table and this refresh, not about its rows.
                f"select 1 from (select max(_fetched_at) as fetched from {{batch}})"
                f" where timestamptz '{as_of.isoformat()}'"
                f" > timestamptz '{known.stale_from.isoformat()}'",
                WARNS,
                is_of_table=True,
            )
        )
    if known.rows:
        least = round(known.rows * (1 - LOST_SHARE))
        found.append(
            gxe.ExpectTableRowCountToBeBetween(
                min_value=least,
                severity=WARNS,
                description="the table has lost no rows",
                meta={
                    "fault": f"rows were lost: there were {known.rows:,}",
                    "is_of_table": True,
                },
            )
        )
    if known.median_loaded is not None:
        few, many = known.median_loaded / TIMES_USUAL, known.median_loaded * TIMES_USUAL
        last = (
            f"select sum(extracted) as extracted from {source}.load_audits"
            f" where object = '{table.name}' and refresh_id = ("
            f"select max_by(refresh_id, finished_at) from {source}.load_audits"
            f" where object = '{table.name}' and window_from is not null and extracted > 0)"
        )
        found.append(
            _no_row(
                "the last load brought about as many rows as those before",
                f"the last load brought far more or fewer rows than usual"
                f" ({known.median_loaded:,.0f})",
                f"select 1 from ({last}) where (extracted < {few} or extracted > {many})"
                f" and greatest(extracted, {known.median_loaded}) >= {MANY_ROWS}",
                WARNS,
                is_of_table=True,
            )
        )
    return found


def _filled(column: str, severity: FailureSeverity) -> Expectation:
    return gxe.ExpectColumnValuesToNotBeNull(
        column=column,
        severity=severity,
        description=f"{column} is filled",
        meta={"fault": f"{column} is empty"},
    )


def _no_row(
    rule: str, fault: str, query: str, severity: FailureSeverity, *, is_of_table: bool = False
) -> Expectation:
    """Return the expectation that a query finds nothing; it selects 1, and never a value."""
    return gxe.UnexpectedRowsExpectation(
        description=rule,
        unexpected_rows_query=query,
        severity=severity,
        meta={"fault": fault, "is_of_table": is_of_table},
    )


def _texts(words: Collection[str]) -> str:
    return ", ".join(f"'{word}'" for word in words)


def validate(
    wanted: Collection[str],
    docs: Path,
    *,
    rows: Mapping[str, int] | None = None,
    as_of: datetime | None = None,
) -> dict[str, dict]:
    """Check raw tables, and write a page on each.

    Args:
        wanted: `<source>/<table>`; empty checks all of them.
        docs: The folder of the pages.
        rows: How many rows tables had when they were checked last.
        as_of: The instant that open work is aged to, and the newest rows; None is now.

    Returns:
        `<source>/<table>` → how many expectations were evaluated, and in words those that failed:
        what no model could be built on (`failures`), and what is only flagged (`warnings`); how
        many rows there are, and from when on it is odd that no newer one has come (`stale_from`).
    """
    registry.register("flowduck", "extract.duckdb_dialect", "Dialect")
    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    as_of = as_of or datetime.now(UTC)
    tables = [
        (name, table)
        for name, source in SOURCES.items()
        for table in source.tables
        if not wanted or f"{name}/{table.name}" in wanted
    ]
    # Asked before Great Expectations opens the files and keeps them open.
    known: dict[tuple[str, str], Usual] = {}
    for source in dict.fromkeys(source for source, _ in tables):
        with raw_store.reading(source):
            for of, table in tables:
                if of == source:
                    before = (rows or {}).get(f"{source}/{table.name}")
                    known[source, table.name] = usual(source, table, before)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    expectation_docs.prepare(context, docs)
    results: dict[str, dict] = {}
    sources: dict[str, Any] = {}
    for source, table in tables:
        if source not in sources:
            address = f"flowduck:///{raw_store.raw_file(source)}?access_mode=read_only"
            sources[source] = context.data_sources.add_sql(source, connection_string=address)
        batch = (
            sources[source]
            .add_query_asset(table.name, query=f"select * from {source}.{table.name}")
            .add_batch_definition_whole_table("all")
        )
        of = known[source, table.name]
        suite = expectations_of(source, table, of, as_of)
        found = _result(context, batch, f"{source}.{table.name}", suite)
        is_stale = of.stale_from is not None and of.stale_from < as_of
        stale_from = of.stale_from.isoformat() if of.stale_from and not is_stale else None
        results[f"{source}/{table.name}"] = {**found, "stale_from": stale_from}
    expectation_docs.write(context, docs, [f"{source}/{table.name}" for source, table in tables])
    return results


def _result(
    context: gx.data_context.AbstractDataContext,
    batch: BatchDefinition,
    name: str,
    expectations: list[Expectation],
) -> dict:
    # A count that always holds: it is what the next time is held against.
    count = gxe.ExpectTableRowCountToBeBetween(
        min_value=0, description="rows are counted", meta={"is_count": True}
    )
    expectations = [*expectations, count]
    suite = context.suites.add(gx.ExpectationSuite(name, expectations=expectations))
    validation = gx.ValidationDefinition(name=name, data=batch, suite=suite)
    outcome = context.validation_definitions.add(validation).run(result_format="BASIC")
    failed = [result for result in outcome.results if not result.success]
    flagged = [result for result in failed if result.expectation_config.severity is WARNS]
    [rows] = [
        result.result.get("observed_value")
        for result in outcome.results
        if (result.expectation_config.meta or {}).get("is_count")
    ]
    return {
        "evaluated": len(outcome.results),
        "rows": rows,
        "failures": [_in_words(result) for result in failed if result not in flagged],
        "warnings": [_in_words(result) for result in flagged],
    }


def _in_words(result: gx.core.ExpectationValidationResult) -> str:
    """Say what is wrong and in how many rows, never their values."""
    meta = result.expectation_config.meta or {}
    count = result.result.get("unexpected_count", result.result.get("observed_value"))
    if count is not None and meta.get("is_of_table"):
        return meta["fault"]
    return f"{meta.get('fault') or 'an expectation'}: {count or 'not evaluated'} rows"


if __name__ == "__main__":
    target, docs, *names = sys.argv[1:]
    memory = Path(target).with_name("last.json")
    last = json.loads(memory.read_text()) if memory.exists() else {}
    counted = {name: kept["found"].get("rows") for name, kept in last.items()}
    moment = instant(os.environ.get("FLOWHOUSE_AS_OF"))
    found = validate(names, Path(docs), rows=counted, as_of=moment)
    Path(target).write_text(json.dumps(found, indent=1))
    expectation_docs.write_index(
        Path(docs), {**{name: kept["found"] for name, kept in last.items()}, **found}
    )

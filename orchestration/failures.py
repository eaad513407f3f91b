"""Says in one line why a refresh ended without a publication, without a value of any row."""

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import duckdb

from extract.settings import setting_name, switch_of

MOST_NAMED = 3
"""How many failed models and tests a message names."""

BAD = ("fail", "error", "runtime error")
"""Statuses of dbt's nodes that stop a publication."""

NOT_PUBLISHED = "nothing was published"

STILL_PUBLISHED = "the warehouse was published; what failed after it is as it was before"

INTERRUPTED = "the refresh was interrupted; `flowhouse status` says what is published"

EXPECTATIONS = "meets_expectations"
"""The check of a raw table that stops a build."""

WITHOUT_ROWS = "without_rows"
"""Name of the metadata of a Dagster failure with the text that shows no rows: alerts send it."""

SAFE_ERRORS = (
    "Failure", "NothingLoaded", "SourceError", "Unauthorized", "Busy", "WaitBudgetExceeded",
    "SettingFault", "Stopped",
)  # fmt: skip
"""Classes of errors whose text was written for people, and shows no value of a row."""

KEPT_LOGS = 30

MOST_ROWS = 3
"""How many rows of a failed test a message shows."""

NO_ROOM = re.compile(
    r"disk I/O error|disk is full|No space left|File too large|could not write", re.IGNORECASE
)
"""What SQLite, DuckDB and the system say where a disk is full, or a file may not grow."""

_HEADING = re.compile(r"\w+ Error in \w+ \S+ \(.*\)")

_SQL_ERRORS = ("Binder Error", "Catalog Error", "Parser Error", "Compilation Error")
"""Errors that quote the SQL and its names; all others may quote what is in a row."""


def nothing_loaded(reasons: Mapping[str, Iterable[str]], answering: Iterable[str] = ()) -> str:
    """Return the line for people whose warehouse has no rows of any source yet.

    Args:
        reasons: What each source that was asked said.
        answering: Sources that did answer, but show this user nothing.
    """
    lines = []
    for source, messages in reasons.items():
        shown = _listed([text.removeprefix(f"{source}: ") for text in dict.fromkeys(messages)], 2)
        setting, of_tokens = switch_of(source), setting_name(source, "token_url")
        rights = " and what its user may see" if source in answering else ""
        is_named = setting in shown or of_tokens in shown
        check = "" if is_named else f" (check {setting}{rights})"
        lines.append(f"{source}: {shown}{check}")
    return f"nothing was loaded from any source yet, so nothing is published: {'; '.join(lines)}"


def lines_of(
    entries: Iterable[Any], *, with_rows: bool = True, is_published: bool = False
) -> list[str]:
    """Return one line per failed step and check of a run, and whether something was published.

    Of a run that was interrupted only that is known: it may have been while it published.

    Args:
        entries: What Dagster has logged of the run.
        with_rows: Whether the lines may show keys of rows; what leaves the machine must not.
        is_published: Whether the run had published a new file before it failed.
    """
    lines = []
    for event in (entry.dagster_event for entry in entries if entry.dagster_event):
        if event.is_step_failure:
            error = event.step_failure_data.error
            own = event.step_failure_data.user_failure_data
            cause, said = _cause_of(error)
            if cause.endswith("NothingLoaded"):  # all other steps failed because of it
                return [said]
            if cause == "DagsterExecutionInterruptedError":
                return [*lines, INTERRUPTED]
            if not with_rows and own and WITHOUT_ROWS in own.metadata:
                said = own.metadata[WITHOUT_ROWS].value
            if cause != "DagsterAssetCheckFailedError":  # the check has a line of its own
                lines.append(f"{event.step_key}: {said}")
        elif event.event_type_value == "ASSET_CHECK_EVALUATION":
            check = event.asset_check_evaluation_data
            is_bad = not check.passed and check.severity.value == "ERROR"
            if is_bad and check.check_name == EXPECTATIONS:  # the step of dbt names its own tests
                where = check.asset_key.to_user_string()
                reason = f": {check.description}" if check.description and with_rows else ""
                lines.append(f"{where}: the check {check.check_name} failed{reason}")
    last = STILL_PUBLISHED if is_published else NOT_PUBLISHED
    return [*(lines or ["the refresh failed; see `make dev`"]), last]


def text_of_error(error: Any) -> str:
    """Return the text of the first cause of an error that Dagster keeps."""
    return _cause_of(error)[1]


def _cause_of(error: Any) -> tuple[str, str]:
    """Return the class and the text of the first cause of an error.

    Dagster wraps it, often several times, in errors that only say that a step failed.
    """
    while error.cls_name not in SAFE_ERRORS and error.cause:
        error = error.cause
    _, _, text = error.message.partition(": ")
    lines = [line.strip() for line in (text or error.message).splitlines() if line.strip()]
    said = lines[0] if lines else str(error.cls_name)
    if error.cls_name in SAFE_ERRORS:
        return str(error.cls_name), said
    return str(error.cls_name), with_advice(f"{error.cls_name}: {_without_values(said)}")


def with_advice(text: str) -> str:
    """Add to an error what to do, where it is one of a disk and does not say so."""
    return (
        f"{text} (is there room on the disk of FLOWHOUSE_HOME?)" if NO_ROOM.search(text) else text
    )


def _without_values(text: str) -> str:
    """Leave out what an error quotes: it may be a value of a row."""
    if not text.startswith(_SQL_ERRORS):
        text = re.sub(r"\"[^\"]*\"?|'[^']*'?", "…", text)
    return text[:200]


def summary_of_build(
    run_results: Path, manifest: Path, build: Path | None = None, *, with_rows: bool = True
) -> str:
    """Name the models and tests of a dbt build that failed, and why; with a test's first rows.

    What tests find are keys, names of statuses and numbers: the working warehouse has no others.

    Args:
        run_results: dbt's run_results.json; it is missing where dbt failed before it built.
        manifest: dbt's manifest.json, for names.
        build: The working warehouse, which has the failing rows.
        with_rows: Whether to show the first of them.
    """
    if not run_results.exists():
        return ""
    nodes = json.loads(manifest.read_text())["nodes"]
    results = json.loads(run_results.read_text())["results"]
    failed = [
        line_of_node(result, nodes[result["unique_id"]], build if with_rows else None)
        for result in results
        if result["status"] in BAD and result["unique_id"] in nodes
    ]
    skipped = sum(result["status"] == "skipped" for result in results)
    rest = [f"{skipped:,} that depend on it were skipped"] if failed and skipped else []
    return "; ".join([_listed(failed, MOST_NAMED), *rest])


def keep_log(log: Path, refresh_id: str) -> Path:
    """Give the log of a build a number and its refresh, and return it; the last 30 stay.

    What is last is counted: a clock may have been set back.
    """

    def number_of(kept: Path) -> int:
        found = re.match(r"-(\d{6})-", kept.name.removeprefix(log.stem))
        return int(found[1]) if found else 0  # from before they were counted

    others = sorted(
        log.parent.glob(f"{log.stem}-*.log"),
        key=lambda kept: (number_of(kept), kept.stat().st_mtime),
    )
    number = number_of(others[-1]) + 1 if others else 1
    kept = log.with_name(f"{log.stem}-{number:06}-{refresh_id}.log")
    if log.exists():
        log.replace(kept)
    for old in others[: 1 - KEPT_LOGS]:
        old.unlink()
    return kept


def _listed(texts: list[str], most: int) -> str:
    more = [f"and {len(texts) - most} more"] if len(texts) > most else []
    return "; ".join([*texts[:most], *more])


def shown_rows(link: duckdb.DuckDBPyConnection, table: str, most: int) -> list[str]:
    """Return the first rows of a table of failures as text, those with the most items first.

    Args:
        link: A connection to the working warehouse.
        table: The name of a table, or a query in brackets.
        most: How many rows to show.
    """
    columns = link.execute(f"describe select * from {table}").fetchall()
    counts = [name for name, kind, *_ in columns if kind in ("BIGINT", "HUGEINT", "INTEGER")]
    order = [f'"{counts[-1]}" desc nulls last'] if counts else []
    order += [f'"{name}"' for name, *_ in columns]
    rows = link.execute(f"select * from {table} order by {', '.join(order)} limit {most}")
    names = [name.replace("_", " ") for name, *_ in columns]
    return [
        " ".join(
            f"{value:,} {name}" if isinstance(value, int) else str(value)
            for name, value in zip(names, row, strict=True)
            if value is not None
        )
        for row in rows.fetchall()
    ]


def _first_rows(result: dict, node: dict, build: Path | None) -> str:
    """Return the first failing rows of a test: those it stored, or what its query finds now."""
    if build is None or not build.exists():
        return ""
    table = f"failures.{node.get('alias') or node['name']}"
    if not node["config"].get("store_failures"):
        table = f"({result.get('compiled_code') or 'select null'}) as found"
    try:
        with duckdb.connect(str(build), read_only=True) as link:
            return "; ".join(row for row in shown_rows(link, table, MOST_ROWS) if row)
    except duckdb.Error:  # locked, or the table is of another build
        return ""


def line_of_node(result: dict, node: dict, build: Path | None) -> str:
    """Return in one line why a node failed; of a test how many rows, and the first of them.

    Args:
        result: What run_results.json says of the node.
        node: What the manifest says of it.
        build: The working warehouse; None shows no rows.
    """
    name = f"{node['resource_type']} {node['name']}"
    if result["status"] == "fail":
        count = result["failures"] or 0
        kept = node["config"].get("store_failures")
        where = f" (kept in failures.{node.get('alias') or node['name']})" if kept else ""
        rows = _first_rows(result, node, build)
        shown = f": {rows}" if rows else ""
        return f"{name}: {count:,} failing row{'' if count == 1 else 's'}{where}{shown}"
    lines = [line.strip() for line in str(result["message"] or "").splitlines()]
    lines = [line for line in lines if line and not _HEADING.fullmatch(line)]
    return with_advice(f"{name}: {_without_values(lines[0] if lines else 'no reason given')}")

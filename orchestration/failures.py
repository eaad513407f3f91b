"""Says in one line why a refresh ended without a publication, without a value of any row."""

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import duckdb

from extract.settings import address_setting

MOST_NAMED = 3

KEPT_LOGS = 30

MOST_ROWS = 3
"""How many rows of a failed test a message shows."""

_HEADING = re.compile(r"\w+ Error in \w+ \S+ \(.*\)")

_OF_SQL = ("Binder Error", "Catalog Error", "Parser Error", "Compilation Error")
"""Errors that quote the SQL and its names; all others may quote what is in a row."""


def nothing_loaded(reasons: Mapping[str, Iterable[str]], is_answering: Iterable[str] = ()) -> str:
    """Say that there is nothing to build on.

    Args:
        reasons: What each source that was asked said.
        is_answering: Those that did answer, but show nothing.
    """
    told = []
    for source, whys in reasons.items():
        why = _listed([text.removeprefix(f"{source}: ") for text in dict.fromkeys(whys)], 2)
        setting = address_setting(source)
        rights = " and what its user may see" if source in is_answering else ""
        check = "" if setting in why else f" (check {setting}{rights})"
        told.append(f"{source}: {why}{check}")
    return f"nothing was loaded from any source yet, so nothing is published: {'; '.join(told)}"


def what_failed(run_results: Path, manifest: Path, build: Path | None = None) -> str:
    """Name the models and tests of a dbt build that failed, and why; of a test its first rows.

    What tests find are keys, names of statuses and numbers: the working warehouse has no others.

    Args:
        run_results: dbt's run_results.json; it is missing where dbt did not come to build.
        manifest: dbt's manifest.json, for names.
        build: The working warehouse, which has the failing rows.
    """
    if not run_results.exists():
        return ""
    nodes = json.loads(manifest.read_text())["nodes"]
    failed = [
        _told(result, nodes[result["unique_id"]], build)
        for result in json.loads(run_results.read_text())["results"]
        if result["status"] in ("fail", "error", "runtime error") and result["unique_id"] in nodes
    ]
    return _listed(failed, MOST_NAMED)


def keep_log(log: Path, refresh_id: str) -> Path:
    """Give the log of a build the name of its refresh, and return it; the last 30 stay."""
    kept = log.with_name(f"{log.stem}-{refresh_id}.log")
    if log.exists():
        log.replace(kept)
    others = sorted(log.parent.glob(f"{log.stem}-*.log"), key=lambda path: path.stat().st_mtime)
    for old in others[:-KEPT_LOGS]:
        old.unlink()
    return kept


def _listed(texts: list[str], most: int) -> str:
    more = [f"and {len(texts) - most} more"] if len(texts) > most else []
    return "; ".join([*texts[:most], *more])


def shown_rows(link: duckdb.DuckDBPyConnection, table: str, most: int) -> list[str]:
    """Return the first rows of a table of findings in words, those with the most items first."""
    columns = link.execute(f"describe {table}").fetchall()
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


def _first_rows(node: dict, build: Path | None) -> str:
    """Return the first failing rows of a test, where it keeps them."""
    if build is None or not build.exists():
        return ""
    try:
        with duckdb.connect(str(build), read_only=True) as link:
            table = f"failures.{node.get('alias') or node['name']}"
            return "; ".join(shown_rows(link, table, MOST_ROWS))
    except duckdb.Error:  # locked, or the table is of another build
        return ""


def _told(result: dict, node: dict, build: Path | None) -> str:
    name = f"{node['resource_type']} {node['name']}"
    if result["status"] == "fail":
        count = result["failures"] or 0
        kept = node["config"].get("store_failures")
        where = f" (kept in failures.{node.get('alias') or node['name']})" if kept else ""
        rows = _first_rows(node, build) if kept else ""
        shown = f": {rows}" if rows else ""
        return f"{name}: {count:,} failing row{'' if count == 1 else 's'}{where}{shown}"
    lines = [line.strip() for line in str(result["message"] or "").splitlines()]
    lines = [line for line in lines if line and not _HEADING.fullmatch(line)]
    reason = lines[0] if lines else "no reason given"
    if not reason.startswith(_OF_SQL):
        reason = re.sub(r"\"[^\"]*\"?|'[^']*'?", "…", reason)
    return f"{name}: {reason[:200]}"

"""What refreshes left behind: last load per source, freshness, gaps, warnings, sizes."""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from extract.raw_store import home, raw_file
from extract.settings import is_on
from extract.sources import SOURCES
from orchestration import outcome, unmapped
from orchestration.environment import build_file, expectation_results_file, published_folder
from orchestration.failures import shown_rows
from orchestration.versions import facts, line_of, restated
from publish.snapshot import rolled_back

LOADS = """
select
    refresh_id,
    source,
    object,
    scope,
    status,
    message,
    extracted,
    acl_gap,
    epoch(finished_at) as finished_s,
    row_number() over (
        partition by source, object, scope
        order by finished_at desc
    ) = 1 as is_latest
from {address}.load_audits
order by finished_at
"""


def loads() -> list[dict[str, Any]]:
    """Return every load audit, oldest first.

    Read from the raw files, which know failed refreshes too; a file that is being loaded right now
    is locked, so for its source the published audits stand in.
    """
    rows: list[dict[str, Any]] = []
    for source in SOURCES:
        file = raw_file(source)
        if not file.exists():
            continue
        try:
            with duckdb.connect(str(file), read_only=True) as raw:
                rows += _records(raw, source)
        except duckdb.Error:  # locked, damaged, or without its tables yet
            rows += [row for row in _published_loads() if row["source"] == source]
    return rows


def _published_loads() -> list[dict[str, Any]]:
    file = published_folder() / "warehouse.duckdb"
    if not file.exists():
        return []
    try:
        with duckdb.connect(str(file), read_only=True) as published:
            return _records(published, "meta")
    except duckdb.Error:
        return []


def _records(database: duckdb.DuckDBPyConnection, schema: str) -> list[dict[str, Any]]:
    answer = database.execute(LOADS.format(address=schema))
    names = [name for name, *_ in answer.description]
    return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]


def gaps_of(refresh_id: str) -> list[str]:
    """Return one line per gap that the loads of a refresh noted."""
    rows = loads()
    read_at = {row["source"]: row["finished_s"] for row in rows if row["status"] == "complete"}
    return [
        _gap(row, read_at.get(row["source"]))
        for row in rows
        if row["refresh_id"] == refresh_id and row["status"] != "complete"
    ]


def _gap(row: Mapping[str, Any], read_at: float | None) -> str:
    if row["object"] == "*" and row["status"] == "failed" and read_at:
        since = datetime.fromtimestamp(read_at, UTC)
        return f"{row['source']} is stale since {since:%Y-%m-%d %H:%M} UTC: {row['message']}"
    return f"{row['source']} {row['object']} {row['scope']}: {row['status']}: {row['message']}"


GAPS = """
select
    object,
    scope,
    reason,
    strftime(timezone('UTC', gap_from), '%Y-%m-%dT%H:%M:%SZ') as gap_from,
    strftime(timezone('UTC', gap_to), '%Y-%m-%dT%H:%M:%SZ') as gap_to
from {address}.history_gaps
where history_gaps.gap_to is not null
order by history_gaps.gap_to desc, object, scope
"""


def known_gaps() -> dict[str, list[dict[str, str | None]]]:
    """Return by source of which times it holds no CI history, the latest gap first.

    Those of a source that is being loaded right now are left out.
    """
    found: dict[str, list[dict[str, str | None]]] = {}
    for source in SOURCES:
        try:
            with duckdb.connect(str(raw_file(source)), read_only=True) as raw:
                answer = raw.execute(GAPS.format(address=source))
                names = [name for name, *_ in answer.description]
                found[source] = [dict(zip(names, row, strict=True)) for row in answer.fetchall()]
        except duckdb.Error:
            continue  # locked, never loaded, or it deletes nothing
    return found


SHOWN = 5
"""How many rows of a warning are shown; the others are in the working warehouse."""

SHOWN_UNMAPPED = 20
"""How many of what is unmapped are shown in a line; `status --json` has all."""


def warnings(refresh_id: str | None = None) -> list[str]:
    """Return one line per test of a refresh, or of the last one, that warns, with what it found.

    It is empty while another refresh has the working warehouse.
    """
    if not build_file().exists():
        return []
    try:
        with duckdb.connect(str(build_file()), read_only=True) as build:
            return _warnings(build, refresh_id)
    except duckdb.Error:  # locked, damaged, or never finished
        return []


def _warnings(build: duckdb.DuckDBPyConnection, refresh_id: str | None) -> list[str]:
    lines = []
    if refresh_id is None:
        [(refresh_id,)] = build.execute("select refresh_id from meta.refreshes").fetchall()
    warned = [  # DuckDB imports pandas to look at a parameter
        (test, failures)
        for refresh, test, failures in build.execute(
            "select refresh_id, test, failures from meta.quality_results"
            " where status = 'warn' order by test"
        ).fetchall()
        if refresh == refresh_id
    ]
    kept = {
        name
        for (name,) in build.execute(
            "select table_name from duckdb_tables() where schema_name = 'failures'"
        ).fetchall()
    }
    for test, failures in warned:
        kind, _, table = test.partition(":")
        if kind == "expectation":
            with suppress(OSError, ValueError, LookupError, TypeError):  # gone, or damaged
                evaluated = json.loads(expectation_results_file(refresh_id).read_text())
                lines.append(f"{table}: {'; '.join(evaluated[table]['warnings'])}")
            continue
        if test not in kept:  # of keys and types only the number is known
            lines.append(f"{test}: {failures:,} rows")
            continue
        most = SHOWN_UNMAPPED if test in unmapped.TESTS else SHOWN
        shown = shown_rows(build, f"failures.{test}", most)
        how = " (all of them: flowhouse status --seeds)" if test in unmapped.TESTS else ""
        more = f"; and {failures - most:,} more{how}" if failures > most else ""
        lines.append(f"{test}: {'; '.join(shown)}{more}")
    return lines


MARKED = "unmapped_time_is_below_one_per_cent"


def marked_streams(refresh_id: str | None = None) -> list[str]:
    """Return one line per value stream of which a refresh, or the last one, says too little."""
    if not build_file().exists():
        return []
    with duckdb.connect(str(build_file()), read_only=True) as build:
        # Without parameters: for those duckdb imports pandas, which costs more than all of status.
        wanted = f"'{refresh_id}'" if refresh_id else "(select refresh_id from meta.refreshes)"
        rows = build.execute(
            f"""
            select value_stream_key, source_system || ' ' || status
            from failures.{MARKED}
            where exists (
                from meta.quality_results
                where refresh_id = {wanted} and test = '{MARKED}' and status = 'warn'
            )
            order by all
            """
        ).fetchall()
    statuses: dict[str, list[str]] = {}
    for stream, status in rows:
        statuses.setdefault(stream, []).extend([status] if status else [])
    return [
        f"value stream {stream}: partial: more than 1 % of its time is in statuses without a stage"
        f" ({', '.join(names) or 'none of them is known'}); write them into own_status_stages.csv:"
        " `flowhouse status --seeds` prints the lines"
        for stream, names in statuses.items()
    ]


def default_streams() -> list[str]:
    """Return one line per source whose scopes stand for themselves, as no seed groups them."""
    if not build_file().exists():
        return []
    with duckdb.connect(str(build_file()), read_only=True) as build:
        found = build.execute(
            """
            select split_part(value_stream_key, '/', 1), count(*), min(name)
            from marts.dim_value_streams
            where is_default
            group by 1
            order by 1
            """
        ).fetchall()
    return [
        f"{source}: each of its {scopes:,} scopes ({first}{', ...' if scopes > 1 else ''}) is a"
        " value stream of its own until scopes.csv has a line of it: `flowhouse status --seeds`"
        for source, scopes, first in found
    ]


def _unless_locked(read: Callable[[], list[Any]]) -> list[Any]:
    """Return what is read of the working warehouse; nothing while a refresh has it."""
    try:
        return read()
    except duckdb.Error:  # locked, damaged, or never finished
        return []


def _of_the_file(link: Path) -> dict[str, Any]:
    """Return what the published file says of itself; nothing of one that is none, or damaged."""
    try:
        found = facts(link)
        return {"publication": found, "of_when": _of_when(found), "restated": restated(link)}
    except duckdb.Error:
        return {"publication": {}, "of_when": "", "restated": ""}


def _of_when(publication: Mapping[str, Any]) -> str:
    """Say which instant a publication is of, when it was made, and how long ago that was."""
    as_of, at = publication.get("as_of"), publication.get("published_at")
    if not as_of:
        return ""
    age = str(datetime.now(UTC).replace(tzinfo=None) - at).split(".")[0] if at else ""
    made = f", published {at:%Y-%m-%d %H:%M} UTC ({age} ago)" if at else ""
    return f"as of {as_of:%Y-%m-%d %H:%M} UTC{made}"


def status() -> dict[str, Any]:
    """Return per source its last load and gaps, what is published, and what the tests warn of."""
    rows = loads()
    gaps = known_gaps()
    now = datetime.now(UTC)
    sources = []
    for source in SOURCES:
        own = [row for row in rows if row["source"] == source]
        # A load that failed brought nothing: what is there is of the last one that did.
        read_at = [row["finished_s"] for row in own if row["status"] == "complete"]
        last = datetime.fromtimestamp(read_at[-1], UTC) if read_at else None
        last_refresh = own[-1]["refresh_id"] if own else None
        latest = [row for row in own if row["refresh_id"] == last_refresh]
        sources.append(
            {
                "source": source,
                "is_on": is_on(source),
                "last_load_at": last.isoformat(timespec="seconds") if last else None,
                "age": str(now - last).split(".")[0] if last else "",
                "extracted": sum(row["extracted"] for row in latest),
                "hidden": sum(row["acl_gap"] for row in latest),
                "gaps": [
                    _gap(row, read_at[-1] if read_at else None)
                    for row in latest
                    if row["status"] != "complete"
                ],
                "notes": [
                    f"{row['object']} {row['scope']}: {row['message']}"
                    for row in latest
                    if row["status"] == "complete" and row["message"]
                ],
                "history_gaps": gaps.get(source, []),
            }
        )
    link = published_folder() / "warehouse.duckdb"
    back = rolled_back(published_folder())
    files = [build_file(), *(raw_file(source) for source in SOURCES), link]
    return {
        "home": str(home()),
        "published": str(link.resolve()) if link.exists() else None,
        "published_at": (
            datetime.fromtimestamp(link.stat().st_mtime, UTC).isoformat(timespec="seconds")
            if link.exists()
            else None
        ),
        **_of_the_file(link),
        "rolled_back": line_of(back, published_folder()) if back else "",
        "bytes": sum(file.stat().st_size for file in files if file.exists()),
        "sources": sources,
        "refreshes": outcome.last_refreshes(),
        "warnings": warnings(),
        "marked": _unless_locked(marked_streams),
        "default_streams": _unless_locked(default_streams),
        "unmapped": _unless_locked(unmapped.found),
    }

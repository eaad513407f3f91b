"""What several recounts need: grouping, dated rows, whole seconds. Nothing here is a definition."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from tests.recount.registry import Row, Tables

FOREVER = datetime(9999, 12, 31)
ENDS = ("done", "cancelled")


def staged(tables: Tables, name: str) -> list[Row]:
    """Return the rows of a staging view; the raw files that it reads are beside the warehouse."""
    known = tables.link.execute("select database_name, path from duckdb_databases()").fetchall()
    if "raw_servicenow" not in {name for name, _ in known}:
        [(here,)] = tables.link.execute("select current_database()").fetchall()
        folder = Path(dict(known)[here]).parent / "raw"
        for path in sorted(folder.glob("raw_*.duckdb")):
            tables.link.execute(f"attach '{path}' as {path.stem} (read_only)")
    return tables.rows(name)


def grouped(rows: Iterable[Row], *columns: str, by: Callable | None = None) -> dict[Any, list[Row]]:
    """Return rows by the value of a column, or a tuple of several, each group in order."""
    found: dict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        found[row[columns[0]] if len(columns) == 1 else tuple(row[c] for c in columns)].append(row)
    if by:
        for group in found.values():
            group.sort(key=by)
    return found


def seconds(earlier: datetime | None, later: datetime | None) -> int | None:
    """Return how many times the clock's second changes between two moments."""
    if earlier is None or later is None:
        return None
    between = later.replace(microsecond=0) - earlier.replace(microsecond=0)
    return between.days * 86400 + between.seconds


def is_backward(start: datetime | None, end: datetime | None) -> bool | None:
    """Say whether a clock stops before it starts, where both moments are known."""
    return None if start is None or end is None else end < start


def forward(start: datetime | None, end: datetime | None) -> int | None:
    """Return the seconds between two moments; None where the clock ran backwards."""
    return None if is_backward(start, end) else seconds(start, end)


def midnight(day: date | datetime | None) -> datetime | None:
    """Return the first moment of a date; a moment stays what it is."""
    if day is None or isinstance(day, datetime):
        return day
    return datetime.combine(day, time())


def valid(rows: Iterable[Row], moment: datetime | date) -> Row | None:
    """Return the one of some dated rows that holds at a moment, or on a day."""
    if not isinstance(moment, datetime):
        moment = datetime.combine(moment, time())
    found = [
        row
        for row in rows
        if (row["valid_from"] is None or midnight(row["valid_from"]) <= moment)
        and (row["valid_to"] is None or moment < midnight(row["valid_to"]))
    ]
    assert len(found) <= 1, f"several rows hold at {moment}: {found}"
    return found[0] if found else None


def versions(tables: Tables) -> dict[str, list[Row]]:
    """Return the versions of every item, oldest first."""
    return grouped(tables.rows("dim_work_items"), "work_item_key", by=lambda row: row["valid_from"])


def version_at(of_item: list[Row], moment: datetime) -> str | None:
    """Return the key of the version that an item had at a moment."""
    found = valid(of_item, moment)
    return found and found["work_item_version_key"]


def local_day(moment: datetime, zone: str) -> date:
    """Return which day it is somewhere at a moment of UTC."""
    return moment.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).date()


def first(*values: Any) -> Any:
    """Return the first value that is not None."""
    return next((value for value in values if value is not None), None)


def stretches(spans: Iterable[tuple[datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    """Return the time that any of some spans covers, in pieces that do not touch."""
    joined: list[tuple[datetime, datetime]] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined

"""Asks the published file on behalf of a program that nobody watches: read-only, within limits.

The file is opened for each question, so the next one is asked of the newest version. DuckDB itself
is locked: it opens no other file, loads nothing, and no statement can change that.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

LOCKED = {
    "enable_external_access": "false",
    "lock_configuration": "true",
    "python_enable_replacements": "false",  # else names of tables may be variables of this program
    "temp_directory": "",
    "memory_limit": "1GB",
    "threads": "2",
}

MOST_S = 10.0
"""A question may take so long; it is ended then."""

MOST_ROWS, MOST_SIGNS = 1_000, 2_000
"""Rows of an answer, and signs of a text in it; what is more is cut, and the answer says so."""

ONE_SELECT = "one select statement is answered, and nothing else"


class Refused(Exception):
    """The question is not answered; the message says why."""


class Found(NamedTuple):
    """Rows as JSON has them, and whether there were more."""

    rows: list[dict[str, Any]]
    is_cut: bool


@contextmanager
def opened(link: Path, most_s: float = MOST_S) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the version that readers get for one question, which is ended when its time is over.

    Raises:
        Refused: There is no version, the time was over, or DuckDB did not take the statement.
    """
    if not link.exists():
        raise Refused("nothing is published yet; run `flowhouse refresh` first")
    with duckdb.connect(str(link.resolve()), read_only=True, config=LOCKED) as file:
        clock = threading.Timer(most_s, file.interrupt)
        clock.start()
        try:
            yield file
        except duckdb.InterruptException:
            raise Refused(f"the question was ended after {most_s:g} s; ask for less") from None
        except duckdb.OutOfMemoryException:
            raise Refused("the question needs more memory than it may have; ask for less") from None
        except duckdb.Error as error:
            raise Refused(str(error).strip()[:1_000]) from None
        finally:
            clock.cancel()


def ask(file: duckdb.DuckDBPyConnection, query: str, most_rows: int = MOST_ROWS) -> Found:
    """Return what a query of ours finds."""
    answer = file.execute(query)
    names = [name for name, *_ in answer.description]
    rows = answer.fetchmany(most_rows + 1)
    shown = [dict(zip(names, map(_plain, row), strict=True)) for row in rows[:most_rows]]
    return Found(shown, len(rows) > most_rows)


def ask_anything(file: duckdb.DuckDBPyConnection, query: str, most_rows: int) -> Found:
    """Return what a query of somebody else finds: it must be one that only reads.

    Raises:
        Refused: It is none, or several.
    """
    statements = file.extract_statements(query)
    if [statement.type for statement in statements] != [duckdb.StatementType.SELECT]:
        raise Refused(ONE_SELECT)
    text = query.strip().rstrip(";")
    # Within another one, what only looks like a select to the parser (pragma, for one) is none.
    try:
        return ask(file, f"select * from (\n{text}\n) limit {most_rows + 1}", most_rows)
    except duckdb.ParserException as error:
        raise Refused(f"{ONE_SELECT} ({str(error).splitlines()[0]})") from None


def literal(value: str | int | date | None) -> str:
    """Return a value as it is written in SQL."""
    if value is None:
        return "null"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, date):
        return f"date '{value.isoformat()}'"
    return "'" + value.replace("'", "''") + "'"


def _plain(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, str):
        return value if len(value) <= MOST_SIGNS else value[:MOST_SIGNS] + "…"
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value[:MOST_ROWS]]
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if value is None or isinstance(value, bool | int):
        return value
    return str(value)[:MOST_SIGNS]

"""Which function recounts which published table, and how the two are compared."""

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import duckdb
import pyarrow as pa

import tests.recount

Row = dict[str, Any]

PUBLISHED = ("marts", "metrics", "bi")


class Tables:
    """The rows of a built warehouse, by the names of its tables.

    Attributes:
        link: The open warehouse, for what a recount would rather select itself.
        as_of: The instant that open work is aged to.
    """

    def __init__(self, link: duckdb.DuckDBPyConnection) -> None:
        self.link = link
        self._schemas = dict(
            link.execute(
                """
                select table_name, schema_name from duckdb_tables()
                where not temporary and database_name = current_database()
                    and schema_name <> 'failures'
                union all
                select view_name, schema_name from duckdb_views()
                where not internal and database_name = current_database()
                """
            ).fetchall()
        )
        self._read: dict[str, list[Row]] = {}
        [(self.as_of,)] = link.execute("select as_of from meta.refreshes").fetchall()
        assert isinstance(self.as_of, datetime)

    def address(self, name: str) -> str:
        """Return schema and name of a table."""
        return f"{self._schemas[name]}.{name}"

    def rows(self, name: str) -> list[Row]:
        """Return a table's rows as dictionaries; they are shared, so leave them as they are."""
        if name not in self._read:
            table = self.link.execute(f"select * from {self.address(name)}").fetch_arrow_table()
            self._read[name] = table.to_pylist()
        return self._read[name]

    def by(self, name: str, *columns: str) -> dict[Any, Row]:
        """Return a table's rows by the value of a column, or by a tuple of several; each is one."""
        found: dict[Any, Row] = {}
        for row in self.rows(name):
            key = row[columns[0]] if len(columns) == 1 else tuple(row[c] for c in columns)
            assert key not in found, f"{name} has several rows for {key}"
            found[key] = row
        return found


@dataclass(frozen=True)
class Recount:
    """How one published table is counted a second time.

    Attributes:
        table: Its name.
        count: Returns its rows, every column that is not left out.
        left_out: Columns that are not recounted, each with the reason.
    """

    table: str
    count: Callable[[Tables], Iterable[Row]]
    left_out: Mapping[str, str] = field(default_factory=dict)


RECOUNTS: dict[str, Recount] = {}


def recounts(table: str, **left_out: str) -> Callable:
    """Register a function that recounts a table; keywords name columns left out, with reasons."""

    def register(count: Callable[[Tables], Iterable[Row]]) -> Callable:
        assert table not in RECOUNTS, f"{table} is recounted twice"
        RECOUNTS[table] = Recount(table, count, left_out)
        return count

    return register


def load() -> dict[str, Recount]:
    """Import every module of this package and return the recounts by table."""
    for module in pkgutil.iter_modules(tests.recount.__path__, "tests.recount."):
        if not module.name.rsplit(".", 1)[1].startswith("test_"):
            importlib.import_module(module.name)
    return RECOUNTS


def expected_rows(tables: Tables, recount: Recount) -> pa.Table:
    """Return what a table should hold, in the types of the table.

    Raises:
        AssertionError: The recount lacks a column that is not left out, or has one too many.
    """
    address = tables.address(recount.table)
    schema = tables.link.execute(f"select * from {address} limit 0").fetch_arrow_table().schema
    wanted = [name for name in schema.names if name not in recount.left_out]
    rows = list(recount.count(tables))
    for row in rows[:1]:
        assert set(row) == set(wanted), (
            f"{recount.table}: lacks {set(wanted) - set(row)}, too many {set(row) - set(wanted)}"
        )
    return pa.Table.from_pylist(rows, schema=pa.schema([schema.field(name) for name in wanted]))


def differences(
    link: duckdb.DuckDBPyConnection, relation: str, expected: pa.Table, limit: int = 3
) -> list[tuple]:
    """Return rows of a relation that were not expected, and expected ones that it lacks.

    Numbers with a fraction are the same when nine digits are: the order of a sum is nobody's.
    """
    columns = ", ".join(
        f"cast({field.name} as float) as {field.name}"
        if pa.types.is_floating(field.type)
        else f'"{field.name}"'
        for field in expected.schema
    )
    link.register("expected_rows", expected)
    try:
        return link.execute(
            f"""
            (select 'not expected', * from (
                select {columns} from {relation} except all select {columns} from expected_rows
            ) limit {limit})
            union all
            (select 'missing', * from (
                select {columns} from expected_rows except all select {columns} from {relation}
            ) limit {limit})
            """
        ).fetchall()
    finally:
        link.unregister("expected_rows")

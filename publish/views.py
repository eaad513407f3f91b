"""The views of the published file: those of the working warehouse, on the tables beside them.

dbt writes the name of the working warehouse into every view. A published file has another name, and
whoever attaches it gives it one more; so tables lose it, and are looked up in the view's own file.
"""

import json
import re
from collections.abc import Collection, Iterator
from typing import Any

import duckdb

SCHEMA = "bi"
"""Where the views are. They look at published tables, and at no other view."""

ANSWER = re.compile(r"q\d\d_")
"""How a view that answers a question begins: few rows, written as Parquet too. The others are facts
with their dimensions: that would be all of them a second time, and wider."""

COLUMNS = """
select view_name, columns.column_name, columns.comment
from duckdb_views() as views
inner join duckdb_columns() as columns
    on views.database_name = columns.database_name and views.schema_name = columns.schema_name
    and views.view_name = columns.table_name
where views.database_name = $1 and views.schema_name = $2 and columns.comment is not null
order by view_name, columns.column_index
"""


def answers(link: duckdb.DuckDBPyConnection) -> list[str]:
    """Return the names of the views of a draft, attached as `copy`, that answer questions."""
    return [name for name in texts(link, "copy") if ANSWER.match(name)]


def texts(link: duckdb.DuckDBPyConnection, database: str) -> dict[str, tuple[str, str]]:
    """Return the statement below each view of an attached database, and the view's comment."""
    found = link.execute(
        "select view_name, sql, coalesce(comment, '') from duckdb_views()"
        " where database_name = $1 and schema_name = $2 order by view_name",
        [database, SCHEMA],
    ).fetchall()
    return {name: (without_database(link, sql, database), said) for name, sql, said in found}


def without_database(link: duckdb.DuckDBPyConnection, sql: str, database: str) -> str:
    """Return the statement of `create view ... as ...` with names of tables that name no database.

    By DuckDB's own parser: a text may well hold the database's name, too.
    """
    query = sql.partition(" AS ")[2].rstrip().removesuffix(";")
    [(parsed,)] = link.execute("select json_serialize_sql($1)", [query]).fetchall()
    tree = json.loads(parsed)
    if tree["error"]:
        raise RuntimeError(f"a view cannot be published: {tree['error_message']}")
    _strip(tree, database)
    [(text,)] = link.execute("select json_deserialize_sql($1)", [json.dumps(tree)]).fetchall()
    return text


def unchanged(
    link: duckdb.DuckDBPyConnection, same: Collection[tuple[str, str]]
) -> set[tuple[str, str]]:
    """Return the views that say what they said, on nothing but tables that are as they were.

    Args:
        link: Has the draft attached as `copy`, and the version before as `before`.
        same: The tables that are as they were.
    """
    former = texts(link, "before")
    return {
        (SCHEMA, name)
        for name, (text, said) in texts(link, "copy").items()
        if former.get(name) == (text, said) and _read(link, text) <= {*same}
    }


def _read(link: duckdb.DuckDBPyConnection, text: str) -> set[tuple[str, str]]:
    """Return schema and name of every table that a statement reads."""
    [(parsed,)] = link.execute("select json_serialize_sql($1)", [text]).fetchall()
    return {*_tables(json.loads(parsed))}


def _tables(part: Any) -> Iterator[tuple[str, str]]:
    if isinstance(part, dict):
        if part.get("type") == "BASE_TABLE" and part.get("schema_name"):
            yield part["schema_name"], part["table_name"]
        part = [*part.values()]
    if isinstance(part, list):
        for below in part:
            yield from _tables(below)


def _strip(part: Any, database: str) -> None:
    if isinstance(part, dict):
        if part.get("type") == "BASE_TABLE" and part.get("catalog_name") == database:
            part["catalog_name"] = ""
        part = [*part.values()]
    if isinstance(part, list):
        for below in part:
            _strip(below, database)


def write_views(link: duckdb.DuckDBPyConnection) -> None:
    """Recreate the views of a draft, which has its tables by then.

    DuckDB writes a join after a cross join down in a way that it reads as another one: such a view
    is refused here, and nothing is published. Its cross joins belong to the end.

    Args:
        link: Has the working warehouse attached as `build`, and the draft as `copy`.
    """
    link.execute(f"create schema if not exists copy.{SCHEMA}")
    wanted = texts(link, "build")
    columns = link.execute(COLUMNS, ["build", SCHEMA]).fetchall()
    for name in texts(link, "copy"):
        link.execute(f'drop view copy.{SCHEMA}."{name}"')
    link.execute("use copy")  # names without a database are looked up in it
    link.execute("begin")
    for name, (text, said) in wanted.items():
        link.execute(f'create view {SCHEMA}."{name}" as {text}')
        if said:
            link.execute(f'comment on view {SCHEMA}."{name}" is {quoted(said)}')
    for name, column, said in columns:
        link.execute(f'comment on column {SCHEMA}."{name}"."{column}" is {quoted(said)}')
    link.execute("commit")
    link.execute("use memory")


def quoted(text: str) -> str:
    """Return a text as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"

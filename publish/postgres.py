"""Copies a published file to PostgreSQL, for tools that read no DuckDB file.

All of it is one transaction: new schemas are filled beside the old ones and take their names when
they are complete. A copy that is killed halfway leaves nothing behind. A transaction of a reader
sees one version, whichever table it reads first: the old tables go when nobody holds any of them,
and the new rows are frozen, so that even a snapshot from before the copy sees them.
"""

import logging
import random
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import duckdb
import psycopg
import pyarrow as pa
from psycopg import sql
from pyarrow import csv

SETTING = "FLOWHOUSE_POSTGRES_URL"

FORM = (
    f"{SETTING} is not an address like postgresql://host:5432/database, with user:password@ before"
    " the host (a @, / or % of a password is written %40, %2F, %25)"
)

READER = "bi_reader"
"""The role that may read all of the copy, and nothing else; logins are made members of it."""

MARK = "flowhouse: "
"""How the comment of a schema begins that is ours to replace."""

NEW = "{}__new"

ONE_AT_A_TIME = 5_041_987_126
"""Key of the advisory lock that a copy holds; any number that nobody else uses."""

LOCK_S, PATIENCE_S, PROGRESS_S = 30, 600, 5
"""How long to wait for another copy, for readers of the old tables; how often to say how far."""

BATCH_ROWS = 50_000

TYPES = {
    "BIGINT": "bigint", "INTEGER": "integer", "SMALLINT": "smallint", "TINYINT": "smallint",
    "UBIGINT": "numeric(20)", "UINTEGER": "bigint", "USMALLINT": "integer",
    "UTINYINT": "smallint", "HUGEINT": "numeric(39)", "UHUGEINT": "numeric(39)",
    "DOUBLE": "double precision", "FLOAT": "real", "BOOLEAN": "boolean", "DATE": "date",
    "TIME": "time", "TIMESTAMP": "timestamp", "TIMESTAMP_S": "timestamp",
    "TIMESTAMP_MS": "timestamp", "TIMESTAMP_NS": "timestamp",
    "TIMESTAMP WITH TIME ZONE": "timestamptz", "UUID": "uuid",
}  # fmt: skip
"""Types of DuckDB and those of PostgreSQL; of all others, their text (or JSON) is copied."""

log = logging.getLogger("flowhouse")


class NotCopied(Exception):
    """The copy did not come to be and the old one stays; one line, without a value."""


class Table(NamedTuple):
    """A table or view of the published file."""

    schema: str
    name: str
    comment: str | None
    columns: Sequence[tuple[str, str, str | None]]
    """Name, DuckDB's type and description of each column."""


class Copied(NamedTuple):
    """What a copy brought."""

    version: str
    tables: int
    rows: int
    seconds: float
    without_key: Sequence[str]
    """Tables whose key is not unique, or not known."""


def fault_of(url: str) -> str | None:
    """Return one line if an address is none of PostgreSQL; nobody is asked."""
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in ("postgresql", "postgres") and parts.port != 0
    except ValueError:  # the port is no number
        return FORM
    # A password with a bare sign in it would be cut there, and the rest taken for a host.
    if not is_address or parts.netloc.count("@") > 1 or not re.fullmatch(r"/[^/@]+", parts.path):
        return FORM
    try:
        psycopg.conninfo.conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        return FORM
    return None


def keys_of(manifest: Mapping[str, Any]) -> dict[tuple[str, str], list[str]]:
    """Return the columns of the tested key of every model of dbt, by its schema and name."""
    nodes, found = manifest["nodes"], {}
    of_tests: dict[str, dict[str, list[str]]] = {}
    for node in nodes.values():
        test = node.get("test_metadata") or {}
        if test.get("name") == "primary_key":
            columns = [node["column_name"]]
        elif test.get("name") == "unique_combination":
            columns = test["kwargs"]["columns"]
        else:
            continue
        of_tests.setdefault(node["attached_node"], {})[test["name"]] = columns
    for model, tests in of_tests.items():
        if model in nodes:
            address = nodes[model]["schema"], nodes[model]["name"]
            found[address] = tests.get("primary_key") or tests["unique_combination"]
    return found


def copy(
    version: Path, url: str, keys: Mapping[tuple[str, str], Sequence[str]] | None = None
) -> Copied:
    """Replace the copy in PostgreSQL by a published file.

    Args:
        version: The published file.
        url: Where PostgreSQL is, with user, password and database.
        keys: Columns that are unique in a table, by its schema and name (`keys_of`).

    Raises:
        NotCopied: Nothing was changed.
    """
    began = time.monotonic()
    version = version.resolve()
    try:
        with (
            duckdb.connect(str(version), read_only=True) as file,
            _connected(url) as link,
        ):
            tables = tables_of(file)
            if not tables:
                raise NotCopied(f"{version.name} holds no tables")
            _begin(link)
            rows, without_key = _load(file, link, tables, keys or {}, version.name)
            _swap(link, sorted({table.schema for table in tables}))
            link.commit()
    except psycopg.Error as error:
        raise NotCopied(f"{SETTING}: {_said(error)}") from None
    seconds = round(time.monotonic() - began, 3)
    return Copied(version.name, len(tables), rows, seconds, without_key)


def tables_of(file: duckdb.DuckDBPyConnection) -> list[Table]:
    """Return all tables and views of a published file, whatever their schemas are."""
    columns: dict[tuple[str, str], list[tuple[str, str, str | None]]] = {}
    for schema, table, *column in file.execute(
        """
        select schema_name, table_name, column_name, data_type, comment
        from duckdb_columns()
        where not internal and database_name = current_database() and schema_name <> 'main'
        order by schema_name, table_name, column_index
        """
    ).fetchall():
        columns.setdefault((schema, table), []).append(tuple(column))
    comments = file.execute(
        """
        select schema_name, table_name, comment from duckdb_tables() where not internal
        union all
        select schema_name, view_name, comment from duckdb_views() where not internal
        """
    ).fetchall()
    known = {(schema, table): text for schema, table, text in comments}
    return [
        Table(schema, table, known.get((schema, table)), own)
        for (schema, table), own in columns.items()
    ]


def probe(url: str) -> str:
    """Ask a server whether a copy could be made, and return its version in words.

    Raises:
        NotCopied: It could not.
    """
    try:
        with _connected(url) as link:
            [(number, may_create, may_make_role, is_role)] = link.execute(
                """
                select
                    current_setting('server_version'),
                    has_database_privilege(current_database(), 'create'),
                    rolcreaterole or rolsuper,
                    exists (select from pg_roles where rolname = %s)
                from pg_roles where rolname = current_user
                """,
                [READER],
            ).fetchall()
    except psycopg.Error as error:
        raise NotCopied(f"{SETTING}: {_said(error)}") from None
    if not may_create:
        raise NotCopied(f"{SETTING}: its user may not create schemas in the database")
    if not is_role and not may_make_role:
        raise NotCopied(_no_role())
    return f"PostgreSQL {number.split()[0]}"


def _no_role() -> str:
    return f"{SETTING}: its user may not create the role {READER}: create role {READER} nologin"


def _connected(url: str) -> psycopg.Connection:
    return psycopg.connect(url, connect_timeout=10, application_name="flowhouse")


def _said(error: psycopg.Error) -> str:
    """Return what PostgreSQL said in one line: no statement, and none of the values it quotes."""
    if isinstance(error, psycopg.errors.DependentObjectsStillExist):
        first, *more = (error.diag.message_detail or "").splitlines() or [""]
        others = f" and {len(more):,} more" if more else ""
        return f"{first}{others}; take it away, or keep it in another database: the old copy stays"
    text = error.diag.message_primary
    if text is None:  # of the connection: what was tried is said before why it did not work
        *_, text = (str(error).strip() or "no answer").splitlines()[0].split("failed: ")
        text = text.removeprefix("FATAL:").strip()
    return re.sub(r"\"[^\"]*\"?|'[^']*'?", "…", text)[:200]


def _begin(link: psycopg.Connection) -> None:
    """Keep other copies out, and see that there is a role for readers."""
    link.execute("set local statement_timeout = 0")
    link.execute("set local idle_in_transaction_session_timeout = 0")
    link.execute("set local client_encoding = 'UTF8'")
    link.execute("set local timezone = 'UTC'")
    link.execute(f"set local lock_timeout = '{LOCK_S}s'")
    try:
        link.execute("select pg_advisory_xact_lock(%s)", [ONE_AT_A_TIME])
    except psycopg.errors.LockNotAvailable:
        raise NotCopied(
            "another copy to PostgreSQL is being made; wait until it has ended"
        ) from None
    if not link.execute("select 1 from pg_roles where rolname = %s", [READER]).fetchone():
        try:
            link.execute(f"create role {READER} nologin")
        except psycopg.errors.InsufficientPrivilege:
            raise NotCopied(_no_role()) from None


def _load(
    file: duckdb.DuckDBPyConnection,
    link: psycopg.Connection,
    tables: Sequence[Table],
    keys: Mapping[tuple[str, str], Sequence[str]],
    version: str,
) -> tuple[int, list[str]]:
    """Fill new schemas with all tables; return how many rows they have, and who has no key."""
    for schema in sorted({table.schema for table in tables}):
        there = link.execute(
            "select obj_description(oid, 'pg_namespace') from pg_namespace where nspname = %s",
            [schema],
        ).fetchone()
        if there and not (there[0] or "").startswith(MARK):
            raise NotCopied(
                f"{SETTING}: its schema {schema} is not ours; name a database of its own"
            )
        new = sql.Identifier(NEW.format(schema))
        link.execute(sql.SQL("create schema {}").format(new))
        text = f"{MARK}{schema} of {version}; replaced in one step, with all that is in it"
        link.execute(sql.SQL("comment on schema {} is {}").format(new, sql.Literal(text)))
        link.execute(sql.SQL("grant usage on schema {} to {}").format(new, sql.Identifier(READER)))
    rows, without_key, last_shown = 0, [], time.monotonic()
    for number, table in enumerate(tables, 1):
        address = sql.Identifier(NEW.format(table.schema), table.name)
        rows += _fill(file, link, table, address)
        _describe(link, table, address)
        if not _add_key(link, table, address, keys.get((table.schema, table.name), ())):
            without_key.append(f"{table.schema}.{table.name}")
        link.execute(sql.SQL("analyze {}").format(address))
        link.execute(sql.SQL("grant select on {} to {}").format(address, sql.Identifier(READER)))
        if time.monotonic() - last_shown >= PROGRESS_S:
            last_shown = time.monotonic()
            log.info("postgres: %d of %d tables, %s rows", number, len(tables), f"{rows:,}")
    return rows, without_key


def _fill(
    file: duckdb.DuckDBPyConnection,
    link: psycopg.Connection,
    table: Table,
    address: sql.Identifier,
) -> int:
    """Make a table and copy its rows; it is written once, so nothing has to be cleaned up later."""
    columns = sql.SQL(", ").join(
        sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(type_of(kind)))
        for name, kind, _ in table.columns
    )
    link.execute(
        sql.SQL("create table {} ({}) with (autovacuum_enabled = false)").format(address, columns)
    )
    chosen = ", ".join(_expression(name, kind) for name, kind, _ in table.columns)
    found = file.execute(f"select {chosen} from {_quoted(table.schema)}.{_quoted(table.name)}")
    rows = 0
    into = sql.SQL("copy {} from stdin (format csv, freeze)").format(address)
    with link.cursor().copy(into) as target:
        for batch, text in _as_csv(found.to_arrow_reader(BATCH_ROWS)):
            target.write(text)
            rows += batch
    return rows


def _as_csv(batches: pa.RecordBatchReader) -> Iterator[tuple[int, memoryview]]:
    """Yield rows as lines; texts are quoted, so that an empty one is not taken for null."""
    form = csv.WriteOptions(include_header=False)
    for batch in batches:
        lines = pa.BufferOutputStream()
        csv.write_csv(batch, lines, form)
        yield batch.num_rows, memoryview(lines.getvalue())


def type_of(kind: str) -> str:
    """Return the type of PostgreSQL for one of DuckDB."""
    if kind.startswith("DECIMAL"):
        return kind.lower().replace("decimal", "numeric")
    if kind == "BLOB":
        return "bytea"
    if _is_nested(kind):
        return "json"  # and not jsonb, which has no place for that sign either
    return TYPES.get(kind, "text")


def _is_nested(kind: str) -> bool:
    return kind == "JSON" or kind.endswith("]") or kind.startswith(("STRUCT", "MAP", "UNION"))


def _expression(name: str, kind: str) -> str:
    """Return the SQL of DuckDB for a column in a form that PostgreSQL reads.

    PostgreSQL has no place for the sign of number zero in a text.
    """
    column = _quoted(name)
    if kind == "BLOB":
        return f"'\\x' || hex({column}) as {column}"
    if _is_nested(kind):
        return f"cast(to_json({column}) as varchar) as {column}"
    if kind.startswith("DECIMAL") or (kind in TYPES and kind != "UUID"):
        return column
    return f"replace(cast({column} as varchar), chr(0), '') as {column}"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _describe(link: psycopg.Connection, table: Table, address: sql.Identifier) -> None:
    texts = []
    if table.comment:
        texts.append(
            sql.SQL("comment on table {} is {}").format(address, sql.Literal(table.comment))
        )
    texts += [
        sql.SQL("comment on column {}.{} is {}").format(
            address, sql.Identifier(name), sql.Literal(text)
        )
        for name, _, text in table.columns
        if text
    ]
    if texts:
        link.execute(sql.SQL("; ").join(texts))


def _add_key(
    link: psycopg.Connection, table: Table, address: sql.Identifier, key: Sequence[str]
) -> bool:
    """Make columns the primary key of a table, or a unique one where some are null."""
    if not key or not {*key} <= {name for name, *_ in table.columns}:
        return False
    columns = sql.SQL(", ").join(map(sql.Identifier, key))
    for how in ("primary key", "unique"):
        try:
            with link.transaction():
                link.execute(
                    sql.SQL("alter table {} add {} ({})").format(address, sql.SQL(how), columns)
                )
        except psycopg.errors.NotNullViolation:
            continue
        except (psycopg.errors.UniqueViolation, psycopg.errors.ProgramLimitExceeded):
            return False  # of a version whose tables had another grain, or a key of kilobytes
        return True
    return False


def _swap(link: psycopg.Connection, schemas: Sequence[str]) -> None:
    """Take the old tables away and give their schemas' names to the new ones.

    The locks of all old tables are asked for, and given back before the time after which a server
    looks for a deadlock: a reader who joins what we hold with what we wait for only waits.
    """
    ours = [
        name
        for (name,) in link.execute(
            "select nspname from pg_namespace where obj_description(oid, 'pg_namespace') like %s"
            " and nspname <> all(%s) order by 1",
            [f"{MARK}%", [NEW.format(schema) for schema in schemas]],
        ).fetchall()
    ]
    old = link.execute(
        "select schemaname, tablename from pg_tables where schemaname = any(%s)"
        " and tableowner = current_user order by 1, 2",
        [ours],
    ).fetchall()
    order = [sql.Identifier(*address) for address in old]
    [(limit_ms,)] = link.execute(
        "select setting::int from pg_settings where name = 'deadlock_timeout'"
    ).fetchall()
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            with link.transaction():
                _lock(link, order, limit_ms * 0.7 / 1000)
                if order:
                    link.execute(sql.SQL("drop table {}").format(sql.SQL(", ").join(order)))
                for name in ours:
                    link.execute(sql.SQL("drop schema {}").format(sql.Identifier(name)))
                for schema in schemas:
                    link.execute(
                        sql.SQL("alter schema {} rename to {}").format(
                            sql.Identifier(NEW.format(schema)), sql.Identifier(schema)
                        )
                    )
            return
        except psycopg.errors.LockNotAvailable:
            if time.monotonic() > until:
                raise NotCopied(
                    f"{SETTING}: readers have held tables of the old copy for"
                    f" {PATIENCE_S // 60} minutes; it stays"
                ) from None
        time.sleep(random.uniform(0.1, 0.5))


def _lock(link: psycopg.Connection, order: list[sql.Identifier], budget_s: float) -> None:
    """Lock all tables within a time; the one that somebody holds is the first to be asked next."""
    end = time.monotonic() + budget_s
    for position, table in enumerate(order):
        left_ms = max(1, int((end - time.monotonic()) * 1000))
        try:
            link.execute(
                sql.SQL(
                    "set local lock_timeout = {}; lock table {} in access exclusive mode"
                ).format(sql.Literal(left_ms), table)
            )
        except psycopg.errors.LockNotAvailable:
            order.insert(0, order.pop(position))
            raise

"""Publishes the tested warehouse: a new versioned file, then the link flips to it.

Readers that hold the old version keep it; whoever opens the link next gets the new one. Version
names are never reused, so a write-ahead log that some reader left behind can never be replayed
into another file. Versions are counted: a clock may be set back, and what is newest is not asked of
it.
"""

import os
import re
import shutil
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path

import duckdb

SCHEMAS = ("marts", "metrics", "meta")
KEPT_VERSIONS = 2

# Clients that BI tools ship with are older than ours; they read this storage version.
STORAGE_VERSION = "v1.2.0"


STANDING = """
create schema if not exists builds;
create table if not exists builds.published (
    version varchar not null,
    schema_name varchar not null,
    table_name varchar not null
);
"""
"""Tables that stand in a published version as they stand in the working warehouse."""


def will_change(build: Path, tables: Collection[tuple[str, str]] | None) -> None:
    """Note in the working warehouse that tables are about to change; None means all of them.

    To be noted before anything is made: whoever kills the build leaves this note.
    """
    with duckdb.connect(str(build)) as warehouse:
        warehouse.execute(STANDING)
        if tables is None:
            warehouse.execute("delete from builds.published")
        else:
            warehouse.execute(
                "delete from builds.published"
                " where list_contains($1, schema_name || '.' || table_name)",
                [[f"{schema}.{table}" for schema, table in tables]],
            )


def standing(build: Path, folder: Path) -> set[tuple[str, str]]:
    """Return the tables that the newest version has as they stand in the working warehouse.

    None where they are less than half of it: a file in which more is replaced grows.
    """
    version = (folder / "warehouse.duckdb").resolve().name
    with duckdb.connect(str(build)) as warehouse:
        warehouse.execute(STANDING)
        found = warehouse.execute(
            """
            with tables as (
                select
                    schema_name,
                    table_name,
                    estimated_size * column_count as fields,
                    (schema_name, table_name) in (
                        select (schema_name, table_name) from builds.published where version = $1
                    ) as stands
                from duckdb_tables()
                where list_contains($2, schema_name)
            )

            select schema_name, table_name
            from tables
            where stands and (select 2 * sum(fields) filter (stands) >= sum(fields) from tables)
            """,
            [version, list(SCHEMAS)],
        )
        return {*found.fetchall()}


def note_published(build: Path, version: Path) -> None:
    """Note in the working warehouse that a version has all of its models as they stand here.

    Results of tests are written after every build, and are nobody's model.
    """
    with duckdb.connect(str(build)) as warehouse:
        warehouse.execute("delete from builds.published")
        warehouse.execute(
            "insert into builds.published select $1, schema_name, table_name from duckdb_tables()"
            " where list_contains($2, schema_name) and table_name <> 'quality_results'",
            [version.name, list(SCHEMAS)],
        )


def publish(build: Path, folder: Path, same: Collection[tuple[str, str]] = ()) -> Path:
    """Write marts, metrics and meta of the working warehouse to a new version and link to it.

    Args:
        build: The working warehouse; nobody may be writing to it.
        folder: Where the versions and the link `warehouse.duckdb` are.
        same: Tables that the newest version has as they stand in the working warehouse: they are
            copied with its file, which costs next to nothing; to write a table is to compress it.

    Returns:
        The path of the new version.
    """
    folder.mkdir(parents=True, exist_ok=True)
    link = folder / "warehouse.duckdb"
    linked = link.resolve() if link.exists() else None
    for rest in folder.glob(".warehouse*"):  # of a publication that was killed
        rest.unlink()
    if linked:
        for version in versions(folder):
            if _number(version) > _number(linked):  # nobody was ever shown it
                _remove(version)
    number = max(map(_number, versions(folder)), default=0) + 1
    version = folder / f"warehouse-{number:06}-{datetime.now(UTC):%Y%m%dT%H%M%S%f}.duckdb"
    draft = folder / f".{version.stem}.draft"
    try:
        if same:
            shutil.copyfile(folder / "warehouse.duckdb", draft)
        _copy(build, draft, same)
        os.chmod(draft, 0o444)
        os.replace(draft, version)
    finally:
        draft.unlink(missing_ok=True)
    with duckdb.connect(str(version), read_only=True) as copy:
        copy.execute("select count(*) from duckdb_tables()")
    flip = folder / ".warehouse.link"
    flip.symlink_to(version.name)
    os.replace(flip, link)
    for old in versions(folder)[:-KEPT_VERSIONS]:
        _remove(old)
    return version


def versions(folder: Path) -> list[Path]:
    """Return the versions that are there, in the order in which they were published."""
    return sorted(folder.glob("warehouse-*.duckdb"), key=lambda path: (_number(path), path.name))


def _number(version: Path) -> int:
    """Return which publication made a version; 0 for those from before they were counted."""
    found = re.match(r"warehouse-(\d{6,})-", version.name)
    return int(found[1]) if found else 0


def _remove(version: Path) -> None:
    version.unlink()
    Path(f"{version}.wal").unlink(missing_ok=True)


def drop_strangers(build: Path, models: Collection[tuple[str, str]]) -> list[str]:
    """Drop what stands in the public schemas and no model makes: tables of a former version.

    Args:
        build: The working warehouse; nobody else may have it open.
        models: Schema and name of every model; quality results are nobody's model and stay.

    Returns:
        The addresses of what was dropped.
    """
    with duckdb.connect(str(build)) as warehouse:
        there = warehouse.execute(
            "select schema_name, table_name from duckdb_tables()"
            " where list_contains(?, schema_name)",
            [list(SCHEMAS)],
        ).fetchall()
        strangers = sorted({*there} - {*models, ("meta", "quality_results")})
        for schema, table in strangers:
            warehouse.execute(f'drop table {schema}."{table}"')
    return [f"{schema}.{table}" for schema, table in strangers]


def _copy(build: Path, draft: Path, same: Collection[tuple[str, str]]) -> None:
    """Copy the tables of the public schemas, with their descriptions, as one file without a log.

    What a draft holds already is replaced, but for the tables that are the same.
    """
    with duckdb.connect() as link:
        link.execute("set enable_progress_bar = false")
        link.execute(f"attach '{build}' as build (read_only)")
        link.execute(f"attach '{draft}' as copy (storage_version '{STORAGE_VERSION}')")
        for schema in SCHEMAS:
            link.execute(f"create schema if not exists copy.{schema}")
        tables = link.execute(
            """
            select database_name, schema_name, table_name, comment
            from duckdb_tables()
            where list_contains(?, schema_name)
            order by 1, 2, 3
            """,
            [list(SCHEMAS)],
        ).fetchall()
        columns = link.execute(
            """
            select schema_name, table_name, column_name, comment
            from duckdb_columns()
            where
                database_name = 'build'
                and list_contains(?, schema_name)
                and comment is not null
            """,
            [list(SCHEMAS)],
        ).fetchall()
        there = {(schema, table) for of, schema, table, _ in tables if of == "copy"}
        wanted = {(schema, table): text for of, schema, table, text in tables if of == "build"}
        stays = there & wanted.keys() & {*same}
        for schema, table in sorted(there - stays):
            link.execute(f'drop table copy.{schema}."{table}"')
        for (schema, table), comment in wanted.items():
            if (schema, table) not in stays:
                address = f'{schema}."{table}"'
                link.execute(f"create table copy.{address} as from build.{address}")
                if comment:
                    link.execute(f"comment on table copy.{address} is {_quoted(comment)}")
        link.execute("begin")
        for schema, table, column, comment in columns:
            if (schema, table) not in stays:
                link.execute(
                    f'comment on column copy.{schema}."{table}"."{column}" is {_quoted(comment)}'
                )
        link.execute("commit")
        link.execute("checkpoint copy")
        link.execute("detach copy")
    log = Path(f"{draft}.wal")
    if log.exists():
        raise RuntimeError(f"{log.name} was left beside the new version; it is not published")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"

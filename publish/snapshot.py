"""Publishes the tested warehouse: a new versioned file, then the link flips to it.

Readers that hold the old version keep it; whoever opens the link next gets the new one. Version
names are never reused, so a write-ahead log that some reader left behind can never be replayed
into another file. Versions are counted: a clock may be set back, and what is newest is not asked of
it. Beside each version lie its tables as Parquet, and a link to the folder of the newest one.
"""

import json
import os
import re
import shutil
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from publish import views
from publish.facts import OWN_TABLES, MadeOf, write_facts
from publish.views import quoted

SCHEMAS = ("marts", "metrics", "meta", views.SCHEMA)
KEPT_VERSIONS = 7
"""A week of nightly refreshes."""

LEAST_KEPT = 2
"""Whoever has just followed the link still opens the version before."""

MEMORY_LIMIT = "3GB"
"""As dbt_project/profiles.yml has it."""

SPILL = ".warehouse.tmp"
"""Where DuckDB writes what does not fit into memory; `clear` removes what a kill left there."""

LINK, PARQUET_LINK, ROLLED_BACK = "warehouse.duckdb", "parquet", "rolled_back.json"
SEMANTICS = "flowhouse.ossie.yaml"
"""The semantic layer (publish/ossie.py), beside the Parquet files."""

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


def will_change(
    build: Path, tables: Collection[tuple[str, str]] | None
) -> list[tuple[str, str, str]]:
    """Note in the working warehouse that tables are about to change; None means all of them.

    To be noted before anything is made: whoever kills the build leaves this note.

    Returns:
        Those of them that stood in a version: it, and their schemas and names.
    """
    chosen, words = "true", []
    if tables is not None:
        chosen = "list_contains($1, schema_name || '.' || table_name)"
        words = [[f"{schema}.{table}" for schema, table in tables]]
    with duckdb.connect(str(build)) as warehouse:
        warehouse.execute(STANDING)
        return warehouse.execute(
            f"delete from builds.published where {chosen} returning *", words
        ).fetchall()


def stands_again(build: Path, tables: Collection[tuple[str, str, str]]) -> None:
    """Note that tables came out as they were, or were left: they stand as `will_change` said."""
    with duckdb.connect(str(build)) as warehouse:
        if tables:
            warehouse.executemany("insert into builds.published values ($1, $2, $3)", [*tables])


def standing(build: Path, folder: Path) -> set[tuple[str, str]]:
    """Return the tables that the newest version has as they stand in the working warehouse."""
    version = (folder / LINK).resolve().name
    with duckdb.connect(str(build)) as warehouse:
        warehouse.execute(STANDING)
        found = warehouse.execute(
            "select schema_name, table_name from builds.published where version = $1"
            " and (schema_name, table_name) in ("
            "select (schema_name, table_name) from duckdb_tables())",
            [version],
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


def _opened(folder: Path) -> duckdb.DuckDBPyConnection:
    """Open an empty database that takes no more memory than a build, and spills beside versions.

    By itself DuckDB takes four fifths of the machine's. Nobody relies on the order of rows.
    """
    link = duckdb.connect(
        config={
            "memory_limit": os.environ.get("FLOWHOUSE_MEMORY_LIMIT") or MEMORY_LIMIT,
            "temp_directory": os.environ.get("FLOWHOUSE_SPILL") or str(folder / SPILL),
            "preserve_insertion_order": False,
        }
    )
    link.execute("set enable_progress_bar = false")
    return link


def publish(
    build: Path,
    folder: Path,
    same: Collection[tuple[str, str]] = (),
    *,
    made_of: Mapping[tuple[str, str], MadeOf] | None = None,
    semantics: str | None = None,
    kept: int = KEPT_VERSIONS,
) -> Path:
    """Write marts, metrics, meta and bi of the working warehouse to a new version and link to it.

    Args:
        build: The working warehouse; nobody may be writing to it.
        folder: Where the versions and the links are.
        same: Tables that the newest version has as they stand in the working warehouse: they are
            copied with its file, which costs next to nothing; to write a table is to compress it.
        made_of: What decided each table; None where that is what it was in the newest version.
        semantics: The semantic layer as an Ossie file, which lies beside the Parquet files; None
            where it is that of the newest version.
        kept: How many versions stay, this one included.

    Returns:
        The path of the new version.
    """
    folder.mkdir(parents=True, exist_ok=True)
    before = linked(folder)
    clear(folder)
    number = max(map(number_of, versions(folder)), default=0) + 1
    version = folder / f"warehouse-{number:06}-{datetime.now(UTC):%Y%m%dT%H%M%S%f}.duckdb"
    draft, tables = folder / f".{version.stem}.draft", folder / f".{parquet_of(version).name}"
    try:
        if before and same and _is_most(build, same):
            shutil.copyfile(before, draft)
        _copy(build, draft, same, before=before, made_of=made_of, number=number)
        write_parquet(draft, tables, before, same)
        write_semantics(tables, parquet_of(before) if before else None, semantics)
        _close(draft)
        os.replace(tables, parquet_of(version))
        os.replace(draft, version)
    finally:
        draft.unlink(missing_ok=True)
        shutil.rmtree(tables, ignore_errors=True)
    with duckdb.connect(str(version), read_only=True) as copy:
        copy.execute("select count(*) from duckdb_tables()")
    flip(folder, version)
    (folder / ROLLED_BACK).unlink(missing_ok=True)
    prune(folder, before, kept)
    return version


def linked(folder: Path) -> Path | None:
    """Return the version that readers get; None where nothing is published."""
    link = folder / LINK
    return link.resolve() if link.exists() else None


def flip(folder: Path, version: Path) -> None:
    """Let readers have a version: each link in one step, the one of the Parquet folder last."""
    targets = {LINK: version.name}
    if parquet_of(version).is_dir():
        targets[PARQUET_LINK] = parquet_of(version).name
    else:  # a version from before there were any
        (folder / PARQUET_LINK).unlink(missing_ok=True)
    for link, target in targets.items():
        draft = folder / f".{link}.link"
        draft.unlink(missing_ok=True)
        draft.symlink_to(target)
        os.replace(draft, folder / link)


def clear(folder: Path) -> None:
    """Remove what killed publications left: drafts, and versions that nobody was ever shown."""
    for rest in [*folder.glob(".warehouse*"), *folder.glob(".parquet*")]:
        if rest.is_dir() and not rest.is_symlink():
            shutil.rmtree(rest)
        else:
            rest.unlink()
    now, back = linked(folder), rolled_back(folder)
    shown = number_of(folder / back["from"]) if back else number_of(now) if now else None
    for version in versions(folder):
        if shown is not None and number_of(version) > shown:
            _remove(version)
    there = {parquet_of(version) for version in versions(folder)}
    for tables in {*folder.glob("parquet-*")} - there:
        shutil.rmtree(tables)


def prune(folder: Path, before: Path | None, kept: int) -> None:
    """Remove all but some versions: the newest, the one before, then the youngest of the others."""
    order = versions(folder)
    if before in order:  # after a rollback it is not the last but one
        order.remove(before)
        order.insert(len(order) - 1, before)
    for old in order[:-kept]:
        _remove(old)


def rolled_back(folder: Path) -> dict[str, Any] | None:
    """Return from which version readers were taken back to which, and when; None if they were not.

    What was written before a rollback that was killed, or before a later publication, counts for
    nothing: it names another version than the one that is linked.
    """
    note = folder / ROLLED_BACK
    now = linked(folder)
    if now is None or not note.exists():
        return None
    try:
        noted = json.loads(note.read_text())
        return noted if noted["to"] == now.name else None
    except (ValueError, KeyError, TypeError):
        return None


def roll_back(folder: Path, version: Path) -> None:
    """Give readers an older version, or a younger one again; the next publication is a new one.

    Args:
        folder: Where the versions and the links are.
        version: One of `versions`.
    """
    clear(folder)
    newest = versions(folder)[-1]
    rollback = {
        "from": newest.name,
        "to": version.name,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    draft = folder / f".{ROLLED_BACK}"
    draft.write_text(json.dumps(rollback))
    os.replace(draft, folder / ROLLED_BACK)
    flip(folder, version)
    if version == newest:
        (folder / ROLLED_BACK).unlink()


def write_parquet(
    file: Path, tables: Path, before: Path | None, same: Collection[tuple[str, str]]
) -> None:
    """Write tables of a DuckDB file, and views that answer, as `<schema>/<table>.parquet`.

    Args:
        file: The DuckDB file.
        tables: The folder.
        before: The version before.
        same: Tables that are as they were then: their files, and those of views that rest on no
            others, are linked, not written.
    """
    with _opened(tables.parent) as warehouse:
        warehouse.execute(f"attach '{file}' as copy (read_only)")
        if before:
            warehouse.execute(f"attach '{before}' as before (read_only)")
        found = warehouse.execute(
            "select schema_name, table_name from duckdb_tables() where database_name = 'copy'"
        ).fetchall()
        still = views.unchanged(warehouse, same) if before else set()
        found += [(views.SCHEMA, name) for name in views.answers(warehouse)]
        for schema, table in found:
            target = tables / schema / f"{table}.parquet"
            target.parent.mkdir(parents=True, exist_ok=True)
            old = parquet_of(before) / schema / target.name if before else None
            if old and old.exists() and ((schema, table) in same or (schema, table) in still):
                _link(old, target)
            else:
                warehouse.execute(f"copy copy.{schema}.\"{table}\" to '{target}' (format parquet)")
                _close(target)


def write_semantics(tables: Path, before: Path | None, semantics: str | None) -> None:
    """Write the semantic layer beside the tables as Parquet, or link that of the version before."""
    file = tables / SEMANTICS
    if semantics is not None:
        file.write_text(semantics)
        _close(file)
    elif before and (before / file.name).exists():
        _link(before / file.name, file)


def _close(file: Path) -> None:
    """Let nobody write to a file; who may read it, the umask has said."""
    file.chmod(file.stat().st_mode & 0o444)


def _link(old: Path, new: Path) -> None:
    try:
        os.link(old, new)
    except OSError:  # not every file system has hard links
        shutil.copy(old, new)


def versions(folder: Path) -> list[Path]:
    """Return the versions that are there, in the order in which they were published."""
    return sorted(folder.glob("warehouse-*.duckdb"), key=lambda path: (number_of(path), path.name))


def number_of(version: Path) -> int:
    """Return which publication made a version; 0 for those from before they were counted."""
    found = re.match(r"warehouse-(\d{6,})-", version.name)
    return int(found[1]) if found else 0


def parquet_of(version: Path) -> Path:
    """Return the folder of a version's tables as Parquet."""
    return version.with_name(version.stem.replace("warehouse", "parquet", 1))


def _remove(version: Path) -> None:
    version.unlink()
    Path(f"{version}.wal").unlink(missing_ok=True)
    shutil.rmtree(parquet_of(version), ignore_errors=True)


def _is_most(build: Path, same: Collection[tuple[str, str]]) -> bool:
    """Return whether tables are half of all: a file in which more is replaced grows."""
    with duckdb.connect(str(build), read_only=True) as warehouse:
        [(is_most,)] = warehouse.execute(
            """
            select
                2 * sum(estimated_size * column_count) filter (
                    list_contains($1, schema_name || '.' || table_name)
                ) >= sum(estimated_size * column_count)
            from duckdb_tables()
            where list_contains($2, schema_name)
            """,
            [[f"{schema}.{table}" for schema, table in same], list(SCHEMAS)],
        ).fetchall()
    return bool(is_most)


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
            """
            select schema_name, table_name, 'table' from duckdb_tables()
            where list_contains($1, schema_name)
            union all
            select schema_name, view_name, 'view' from duckdb_views()
            where list_contains($1, schema_name) and not internal
            """,
            [list(SCHEMAS)],
        ).fetchall()
        known = {*models, ("meta", "quality_results")}
        strangers = sorted(row for row in there if row[:2] not in known)
        for schema, name, kind in strangers:
            warehouse.execute(f'drop {kind} {schema}."{name}"')
    return [f"{schema}.{name}" for schema, name, _ in strangers]


def _copy(
    build: Path,
    draft: Path,
    same: Collection[tuple[str, str]],
    *,
    before: Path | None,
    made_of: Mapping[tuple[str, str], MadeOf] | None,
    number: int,
) -> None:
    """Copy the tables of the public schemas, with their descriptions, as one file without a log.

    What a draft holds already is replaced, but for the tables that are the same.
    """
    with _opened(draft.parent) as link:
        link.execute(f"attach '{build}' as build (read_only)")
        link.execute(f"attach '{draft}' as copy (storage_version '{STORAGE_VERSION}')")
        if before:
            link.execute(f"attach '{before}' as before (read_only)")
        for schema in SCHEMAS:
            link.execute(f"create schema if not exists copy.{schema}")
        tables = link.execute(
            """
            select database_name, schema_name, table_name, comment
            from duckdb_tables()
            where list_contains(?, schema_name) and database_name in ('build', 'copy')
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
        wanted = {
            (schema, table): text
            for of, schema, table, text in tables
            if of == "build" and (schema, table) not in OWN_TABLES
        }
        stays = there & wanted.keys() & {*same}
        for schema, table in sorted(there - stays - OWN_TABLES):
            link.execute(f'drop table copy.{schema}."{table}"')
        for (schema, table), comment in wanted.items():
            if (schema, table) not in stays:
                address = f'{schema}."{table}"'
                link.execute(f"create table copy.{address} as from build.{address}")
                if comment:
                    link.execute(f"comment on table copy.{address} is {quoted(comment)}")
        written = wanted.keys() - stays
        link.execute("begin")
        for schema, table, column, comment in columns:
            if (schema, table) in written:
                link.execute(
                    f'comment on column copy.{schema}."{table}"."{column}" is {quoted(comment)}'
                )
        link.execute("commit")
        write_facts(link, number=number, made_of=made_of, same=same)
        views.write_views(link)
        link.execute("checkpoint copy")
        link.execute("detach copy")
    log = Path(f"{draft}.wal")
    if log.exists():
        raise RuntimeError(f"{log.name} was left beside the new version; it is not published")

"""Whether a build may continue from the last one, or rebuilds every table.

macros/incremental.sql says what "continue" means. It is correct only where the same definitions
made the tables; the notes on the last builds in the working warehouse say whether they did.
A working warehouse of another version of flowhouse is replaced: everything
in it but the results of tests can be rebuilt from the raw rows.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import duckdb

from extract.privacy import forgotten_file
from publish.facts import SCHEMA_VERSION
from publish.quality import TABLE as QUALITY_RESULTS

EVERYTHING, TOUCHED, AGAIN = "", "touched", "again"
"""What FLOWHOUSE_REBUILD tells dbt: `again` repeats what a build that did not end has touched."""

TABLE = """
create schema if not exists builds;
create table if not exists builds.builds (
    build_no bigint not null,
    definitions varchar not null,
    as_of timestamp not null,
    has_ended boolean not null
);
create or replace table builds.made_by as
    select {schema} as schema_version, '{flowhouse}' as flowhouse_version;
"""


def fit(build: Path) -> str:
    """Replace a working warehouse that another version of flowhouse has made, older or newer.

    What tests found in the past is taken over; every table is then built again.

    Returns:
        One line that says so; nothing where there is none or it is of this version.
    """
    if not build.exists():
        return ""
    with duckdb.connect(str(build), read_only=True) as warehouse:
        try:
            [(schema, flowhouse)] = warehouse.execute(
                "select schema_version, flowhouse_version from builds.made_by"
            ).fetchall()
        except (duckdb.CatalogException, duckdb.BinderException):
            schema, flowhouse = 0, ""
            if not warehouse.execute(
                "select 1 from duckdb_tables()"
                " where schema_name = 'builds' and table_name = 'builds'"
            ).fetchall():  # no build has begun
                return ""
    if schema == SCHEMA_VERSION:
        return ""
    draft = build.with_name(f".{build.name}.draft")
    draft.unlink(missing_ok=True)
    with duckdb.connect(str(draft)) as fresh:
        fresh.execute(QUALITY_RESULTS)
        fresh.execute(f"attach '{build}' as former (read_only)")
        shared = [
            name
            for [name] in fresh.execute(
                """
                select column_name
                from duckdb_columns()
                where schema_name = 'meta' and table_name = 'quality_results'
                group by column_name
                having count(distinct database_name) = 2
                """
            ).fetchall()
        ]
        if len(shared) == len(fresh.execute("describe meta.quality_results").fetchall()):
            fresh.execute(
                "insert into meta.quality_results by name"
                f" select {', '.join(shared)} from former.meta.quality_results order by rowid"
            )
        fresh.execute("detach former")
    draft.replace(build)
    Path(f"{build}.wal").unlink(missing_ok=True)
    age = "a newer" if schema > SCHEMA_VERSION else "an older"
    name = f" ({flowhouse})" if flowhouse else ""
    return (
        f"the working warehouse was made by {age} flowhouse{name}, with tables of version {schema};"
        f" this one ({version('flowhouse')}) makes version {SCHEMA_VERSION}: all tables are built"
        " again from what is loaded, and the sources are not asked"
    )


def definitions(manifest: Mapping[str, Any], project: Path, web_addresses: str = "") -> str:
    """Return a hash of all that decides how rows become the rows of incremental tables.

    These are the models and seeds that the tables rest on, with what is said of them, all macros,
    the settings of the project, the versions of the tools, where items are opened, and who was
    forgotten: raw rows of people who were erased change without a load.
    """
    nodes = manifest["nodes"]
    found: set[str] = set()
    more = [
        key for key, node in nodes.items() if node["config"].get("materialized") == "incremental"
    ]
    while more:
        key = more.pop()
        if key in nodes and key not in found:
            found.add(key)
            more += nodes[key]["depends_on"].get("nodes", [])
    files = {project / "dbt_project.yml", *(project / "macros").rglob("*.sql"), forgotten_file()}
    for key in found:
        files.add(project / nodes[key]["original_file_path"])
        if nodes[key].get("patch_path"):
            files.add(project / nodes[key]["patch_path"].split("://")[1])
    digest = hashlib.sha256(web_addresses.encode())
    for file in sorted(file for file in files if file.exists()):
        digest.update(json.dumps([file.name, file.read_bytes().hex()]).encode())
    for tool in ("duckdb", "dbt-core", "dbt-duckdb"):
        digest.update(version(tool).encode())
    return digest.hexdigest()


def begin(build: Path, made_by: str, as_of: datetime, *, everything: bool) -> str:
    """Note that a build begins, and return what it rebuilds.

    Args:
        build: The working warehouse.
        made_by: What `definitions` returned.
        as_of: The instant that open work is aged to, in UTC without a zone.
        everything: Whether everything is rebuilt, whatever the last build left.
    """
    with duckdb.connect(str(build)) as warehouse:
        warehouse.execute(TABLE.format(schema=SCHEMA_VERSION, flowhouse=version("flowhouse")))
        # All builds since the last one that ended, and that one.
        since = warehouse.execute(
            """
            select definitions, as_of, has_ended from builds.builds
            where build_no >= (select max(build_no) from builds.builds where has_ended)
            order by build_no
            """
        ).fetchall()
        warehouse.execute(
            "insert into builds.builds"
            " select coalesce(max(build_no), 0) + 1, ?, ?, false from builds.builds",
            [made_by, as_of],
        )
    if everything or not since:
        return EVERYTHING
    if any(before != made_by or moment > as_of for before, moment, _ in since):
        return EVERYTHING
    return TOUCHED if len(since) == 1 else AGAIN


def end(build: Path) -> None:
    """Note that the build that was begun last has made all tables."""
    with duckdb.connect(str(build)) as warehouse:
        warehouse.execute(
            """
            update builds.builds set has_ended = true
            where build_no = (select max(build_no) from builds.builds);
            delete from builds.builds
            where build_no < (select max(build_no) from builds.builds)
            """
        )

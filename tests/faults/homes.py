"""Homes of flowhouse, whole: what differs between two of them, what readers find, their disks."""

import contextlib
import hashlib
import multiprocessing
import shutil
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from extract.sources import SOURCES
from tests.conftest import MEMORY

PAUSE_S = 2.0
DISK = 8 << 30
"""How much the homes of cases may take, when no disk is full."""

OF_A_REFRESH = {
    "publications", "restatements", "table_versions", "quality_results", "load_audits",
    "int_load_audits_unioned", "refreshes",
    "dim_source_systems", "metric_data_quality",
    "int_touched_items",  # which items the last build found to be other ones
}  # fmt: skip
"""Tables that say when and by which refresh something was done, and not what is so."""
OF_A_LOAD = ("_fetched_at", "_dlt_load_id", "load_id")
"""Columns that say when and by which load a row was read."""


@dataclass
class Read:
    """What a reader found while a case ran.

    Attributes:
        versions: How often it found which content, by the refresh that the file says it is of.
        errors: What stopped it from reading.
    """

    versions: Counter = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)


def tables(link: duckdb.DuckDBPyConnection, of: str) -> set[tuple[str, str]]:
    """Return the tables of an attached file that say what is so."""
    return {
        (schema, table)
        for schema, table in link.execute(
            "select schema_name, table_name from duckdb_tables() where database_name = ?", [of]
        ).fetchall()
        if table not in OF_A_REFRESH
        and not table.startswith("_dlt")
        and schema not in ("builds", "failures", "dbt_test__audit")
    }


def digest(file: Path) -> tuple[str, str]:
    """Read a published file as a whole: which refresh it is of, and what all its tables say."""
    with duckdb.connect(str(file), read_only=True) as link:
        [(name, of)] = link.execute(
            "select current_database(), refresh_id from meta.refreshes"
        ).fetchall()
        told = [
            link.execute(
                f"select '{table}', count(*), bit_xor(hash(t)) from {schema}.\"{table}\" as t"
            ).fetchone()
            for schema, table in sorted(tables(link, name))
        ]
    return of, hashlib.sha256(repr(told).encode()).hexdigest()


def differences(one: Path, other: Path) -> dict[str, int]:
    """Return how many rows of each table of two files are not in both, and as often."""
    with duckdb.connect() as link:
        link.execute(f"attach '{one}' as one (read_only)")
        link.execute(f"attach '{other}' as other (read_only)")
        there, wanted = tables(link, "one"), tables(link, "other")
        found = {f"{schema}.{table}": -1 for schema, table in there ^ wanted}
        for schema, table in sorted(there & wanted):
            a, b = (f'from {of}.{schema}."{table}"' for of in ("one", "other"))
            names = {row[0] for row in link.execute(f"describe {a}").fetchall()}
            marks = [name for name in OF_A_LOAD if name in names]
            columns = f"* exclude ({', '.join(marks)})" if marks else "*"
            [(count,)] = link.execute(
                f"select count(*) from ((select {columns} {a} except all select {columns} {b})"
                f" union all (select {columns} {b} except all select {columns} {a}))"
            ).fetchall()
            if count:
                found[f"{schema}.{table}"] = count
    return found


def homes_differ(one: Path, other: Path) -> dict[str, int]:
    """Return in which tables two homes differ, and in how many rows."""
    files = [f"raw/raw_{source}.duckdb" for source in SOURCES]
    found = {}
    for name in [*files, "build.duckdb", "published/warehouse.duckdb"]:
        for table, rows in differences(one / name, other / name).items():
            found[f"{name}: {table}"] = rows
    return found


def read_on(link: Path, ends: Any, told: Any) -> None:
    """Open the published file again and again, and once at the end; tell what was found."""
    read, is_last = Read(), False
    while not is_last:
        is_last, began = ends.is_set(), time.monotonic()
        try:
            read.versions[digest(link)] += 1
        except Exception as error:
            read.errors.append(f"{type(error).__name__}: {str(error).splitlines()[0]}")
        # Reading everything costs a second of a processor: refreshes are to have the others.
        ends.wait(0 if is_last else max(PAUSE_S, 4 * (time.monotonic() - began)))
    told.send(read)


@contextlib.contextmanager
def readers(home: Path) -> Iterator[list[Read]]:
    """Have two processes read what is published meanwhile."""
    found: list[Read] = []
    server = multiprocessing.get_context("forkserver")  # this process has threads and locks
    ends, started = server.Event(), []
    for _ in range(2):
        ear, mouth = server.Pipe(duplex=False)
        link = home / "published" / "warehouse.duckdb"
        process = server.Process(target=read_on, args=(link, ends, mouth))
        process.start()
        started.append((process, ear))
    try:
        yield found
    finally:
        ends.set()
        for process, ear in started:
            found.append(ear.recv())
            process.join()


def scratch(prefix: str) -> tempfile.TemporaryDirectory:
    """Make a folder that goes with its block; in memory where there is enough of it."""
    is_enough = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > 8 << 30
    return tempfile.TemporaryDirectory(prefix=prefix, dir=MEMORY if is_enough else None)


@contextlib.contextmanager
def disk_of_its_own(folder: Path) -> Iterator[bool]:
    """Give a folder a disk of its own in memory; tell whether that could be done."""
    folder.mkdir(parents=True)
    how = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "faults", str(folder)]
    is_there = not subprocess.run(how, capture_output=True, check=False).returncode
    try:
        yield is_there
    finally:
        if is_there:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)


def resized(disk: Path, size: int) -> None:
    """Let a disk in memory have so many bytes."""
    subprocess.run(["mount", "-o", f"remount,size={size}", str(disk)], check=True)


def space_of(folder: Path) -> int:
    """Return how many bytes the files of a folder take on their disk."""
    said = subprocess.run(["du", "-sk", str(folder)], capture_output=True, text=True, check=True)
    return int(said.stdout.split()[0]) << 10

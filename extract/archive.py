"""The archive: the rows of every load as Parquet files, from which a raw file can be rebuilt.

Rows that a source has deleted exist only in its raw file. So each load also writes its rows to

    $FLOWHOUSE_HOME/archive/<source>/<number>/<table>.parquet

and `part.json`, which names the loads that are in the part and says how the tables are made. Parts
are counted, not dated, as clocks may be set back: of the rows with one key the last part has the
right one. After FLOWHOUSE_ARCHIVE_LOADS parts all of them become one, without the rows that a
later load replaced. A part is written completely or not at all.
"""

import json
import logging
import os
import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import duckdb

from extract import raw_store, soundness
from extract.sources import SOURCES

log = logging.getLogger("flowhouse.extract")

LOADS = 30
"""How many parts there are at most, if FLOWHOUSE_ARCHIVE_LOADS says nothing: a month of nights."""

KEYS = {
    "load_audits": ("audit_key",),
    "_dlt_loads": ("load_id",),
    "_dlt_version": ("version_hash",),
    "_dlt_pipeline_state": ("_dlt_id",),
}
"""Keys of the tables that every source has."""

UNCOUNTED = ("_dlt_loads", "_dlt_version", "_dlt_pipeline_state")
"""Tables that dlt writes without counting."""


class Damaged(Exception):
    """A part of an archive cannot be read."""


@dataclass(frozen=True)
class Part:
    """A folder of the archive."""

    folder: Path

    @property
    def number(self) -> int:
        """Its place among the parts."""
        return int(self.folder.name)

    @cached_property
    def facts(self) -> dict:
        """The ids of its loads (`loads`), hashes of dlt's schemas, and how tables are made."""
        try:
            found = json.loads((self.folder / "part.json").read_text())
            return {name: found[name] for name in ("loads", "schemas", "tables", "is_all")}
        except (OSError, ValueError, LookupError, TypeError):
            raise Damaged(self.folder.name) from None


def folder_of(source: str) -> Path:
    """Return the folder of a source's parts."""
    return raw_store.home() / "archive" / source


def parts(source: str) -> list[Part]:
    """Return the parts of a source in the order in which they were written.

    Raises:
        Damaged: One of them does not say what it holds.
    """
    folders = folder_of(source).glob("[0-9]*")
    found = sorted((Part(folder) for folder in folders), key=lambda part: part.number)
    there: list[Part] = []
    for part in reversed(found):
        there.insert(0, part)
        if part.facts["is_all"]:  # what it replaces stays only where somebody was killed
            break
    return there


def most_parts() -> int:
    """Return how many parts become one (FLOWHOUSE_ARCHIVE_LOADS)."""
    setting = os.environ.get("FLOWHOUSE_ARCHIVE_LOADS", "")
    return max(int(setting), 1) if setting.isdigit() else LOADS


def keep(
    source: str, raw: duckdb.DuckDBPyConnection, brought: Mapping[str, int] | None = None
) -> None:
    """Archive what the loads brought that are in no part yet.

    Args:
        source: Name of the source.
        raw: Its raw file, between two loads.
        brought: How many rows the last load had for each table; asked of the file if None.
    """
    try:
        there = parts(source)
    except Damaged:
        log.warning("%s: its archive is damaged; made again from the raw file", source)
        there = []
    known = {load for part in there for load in part.facts["loads"]}
    loads = _loads(source, raw)
    new = [load for load in loads if load not in known]
    if not new:
        return
    if is_all := not there or len(there) >= most_parts():
        there, new = [], loads
    if brought is not None and len(new) == 1:
        tables = {*UNCOUNTED, *(table for table, count in brought.items() if count)}
    else:
        tables = None
    hashes = {text for part in there for text in part.facts["schemas"]}
    last = _write(source, raw, new, hashes, tables, is_all)
    if is_all:
        for folder in folder_of(source).glob("[0-9]*"):
            if folder != last:
                shutil.rmtree(folder)


def _loads(source: str, raw: duckdb.DuckDBPyConnection) -> list[str]:
    """Return the loads that were written to their end."""
    found = raw.execute(f"select load_id from {source}._dlt_loads where status = 0 order by rowid")
    return [load for (load,) in found.fetchall()]


def _write(
    source: str,
    raw: duckdb.DuckDBPyConnection,
    loads: list[str],
    hashes: set[str],
    tables: Collection[str] | None,
    is_all: bool,
) -> Path:
    folder = folder_of(source)
    folder.mkdir(parents=True, exist_ok=True)
    for rest in folder.glob(".*"):  # of who was killed
        shutil.rmtree(rest)
    number = max((int(path.name) for path in folder.glob("[0-9]*")), default=0) + 1
    draft = folder / f".{number:06}"
    draft.mkdir()
    ids = ", ".join(f"'{load}'" for load in loads)
    schemas = [
        text
        for (text,) in raw.execute(f"select version_hash from {source}._dlt_version").fetchall()
    ]
    is_in = {
        "_dlt_loads": f"load_id in ({ids})",
        "_dlt_version": f"version_hash not in ({', '.join(repr(text) for text in {''} | hashes)})",
    }
    made = raw.execute(
        "select table_name, sql from duckdb_tables()"
        f" where database_name = current_database() and schema_name = '{source}'"
    ).fetchall()
    rows = {
        table: f"from {source}.{table} where {is_in.get(table, f'_dlt_load_id in ({ids})')}"
        for table, sql in made
        if (tables is None or table in tables) and (table in is_in or "_dlt_load_id" in sql)
    }
    has_some = " union all ".join(
        f"select '{table}' where exists ({which})" for table, which in rows.items()
    )
    for (table,) in raw.execute(has_some).fetchall():
        raw.execute(
            f"copy ({rows[table]}) to '{draft / table}.parquet' (format parquet, compression zstd)"
        )
    facts = {
        "loads": loads,
        "schemas": schemas,
        "tables": dict(made),
        "is_all": is_all,
    }
    (draft / "part.json").write_text(json.dumps(facts))
    return draft.rename(folder / f"{number:06}")


def files() -> list[Path]:
    """Return all files of all sources that hold rows."""
    return [
        file for source in SOURCES for file in sorted(folder_of(source).glob("[0-9]*/*.parquet"))
    ]


def damaged() -> list[Path]:
    """Return the folders of archives that were set aside."""
    return sorted((raw_store.home() / "archive").glob("*.damaged"))


def mend(source: str) -> Path | None:
    """Make the raw file of a source again from the archive where it is gone, damaged or outdated.

    Returns:
        What was set aside, where no archive of it can be read: the raw file, or the archive where
        that is gone. The source is to be read again then.
    """
    file = raw_store.raw_file(source)
    if soundness.is_sealed(file):
        return None
    try:
        there, is_damaged = parts(source), False
    except Damaged:
        there, is_damaged = [], True
    if not file.exists() and not there and not is_damaged:
        return None
    if is_damaged and _is_new(source, file):  # DuckDB makes one for who opens what is gone
        file.unlink()
    why = _fault(source, file, there)
    if why and there and not all(_is_sound(part) for part in there):
        there, is_damaged = [], True
    if why and there:
        rows = restore(source)
        log.warning("%s: %s %s; made again from the archive, %s rows", source, file.name, why, rows)
    elif why:
        aside = [soundness.set_aside(file)] if file.exists() else []
        aside += [_set_aside(source)] if is_damaged else []
        shutil.rmtree(raw_store.home() / "dlt" / source, ignore_errors=True)
        log.warning(
            "%s: %s %s and %s: now %s, and all that the source has is read again",
            source, file.name, why,
            "its archive is damaged" if is_damaged else "there is no archive of it",
            " and ".join(str(path.relative_to(raw_store.home())) for path in aside),
        )  # fmt: skip
        return aside[0]
    else:
        with raw_store.opened(file) as raw:
            if not there and _is_loaded(source, raw):  # by a version that had no archive
                keep(source, raw)
        soundness.seal(file)
    return None


def _is_sound(part: Part) -> bool:
    """Whether all rows of a part can be read."""
    with duckdb.connect() as link:
        link.execute("set enable_progress_bar = false")
        for rows in part.folder.glob("*.parquet"):
            try:
                link.execute(f"select bit_xor(hash(t)) from '{rows}' as t")
            except duckdb.OutOfMemoryException:
                continue
            except duckdb.Error:
                return False
    return True


def _set_aside(source: str) -> Path:
    """Give a damaged archive another name, instead of the last one that had it, and return it."""
    folder = folder_of(source)
    aside = folder.with_name(f"{folder.name}.damaged")
    shutil.rmtree(aside, ignore_errors=True)
    return folder.replace(aside)


def _fault(source: str, file: Path, there: list[Part]) -> str:
    """Return in words what is wrong with a raw file, or nothing."""
    if not file.exists():
        return "is gone"
    if not soundness.is_sound(file):
        return "is damaged"
    with raw_store.opened(file) as raw:
        known = set(_loads(source, raw)) if _is_loaded(source, raw) else set()
    if any(load not in known for part in there for load in part.facts["loads"]):
        return "is older than its archive"
    return ""


def _is_new(source: str, file: Path) -> bool:
    """Whether a raw file is there that nothing was ever loaded into."""
    if not file.exists() or not soundness.is_sound(file):
        return False
    with raw_store.opened(file) as raw:
        return not _is_loaded(source, raw)


def _is_loaded(source: str, raw: duckdb.DuckDBPyConnection) -> bool:
    found = raw.execute(
        "select 1 from duckdb_tables()"
        f" where schema_name = '{source}' and table_name = '_dlt_loads'"
    )
    return found.fetchone() is not None


def restore(source: str) -> int:
    """Make the raw file of a source from its archive, and return how many rows it has.

    dlt's tables are archived too: the next load goes on from the last one that is archived.
    """
    there = parts(source)
    file = raw_store.raw_file(source)
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    Path(f"{draft}.wal").unlink(missing_ok=True)
    keys = KEYS | {table.name: table.key for table in SOURCES[source].tables}
    renamed = {table.former_name: table.name for table in SOURCES[source].tables}
    count = 0
    with duckdb.connect(str(draft)) as raw:
        raw.execute("set enable_progress_bar = false")
        raw.execute(f"create schema {source}")
        made = there[-1].facts["tables"]
        for sql in made.values():
            raw.execute(sql)
        for part in reversed(there):
            for rows in sorted(part.folder.glob("*.parquet")):
                name = renamed.get(rows.stem, rows.stem)
                if name not in keys:
                    continue  # of a table that a former version had
                # An archive that an older version wrote last has the table by its former name.
                table = name if name in made else rows.stem
                same = " and ".join(f"old.{key} = new.{key}" for key in keys[name])
                count += raw.execute(
                    f"insert into {source}.{table} by name"
                    f" select * from read_parquet('{rows}') as new"
                    f" where not exists (from {source}.{table} as old where {same})"
                ).fetchone()[0]
    if file.exists():
        soundness.set_aside(file)
    os.replace(draft, file)
    soundness.seal(file)
    shutil.rmtree(raw_store.home() / "dlt" / source, ignore_errors=True)
    return count

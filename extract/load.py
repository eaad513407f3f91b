"""Loads one source into its raw tables and writes an audit per object."""

import errno
import logging
import os
import shutil
import traceback
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import dlt
import duckdb
import pyarrow as pa
from filelock import FileLock, Timeout

from extract import archive, raw_store, soundness
from extract.api import SourceError, Unauthorized, WaitBudgetExceeded, misread
from extract.redaction import redact
from extract.run import Audit, LoadRun, merged
from extract.settings import SettingFault, switch_of
from extract.source import Source
from extract.sources import SOURCES
from extract.tables import (
    ARROW_TYPES,
    BIGINT,
    EARLIEST,
    LATEST,
    TEXT,
    TIMESTAMP,
    RawTable,
    absurd,
)
from extract.windows import Window, forget_backfills

log = logging.getLogger("flowhouse.extract")

AUDITS = "load_audits"
AUDIT_COLUMNS = {
    "audit_key": TEXT,
    "refresh_id": TEXT,
    "source": TEXT,
    "object": TEXT,
    "scope": TEXT,
    "window_from": TIMESTAMP,
    "window_to": TIMESTAMP,
    "api_count": BIGINT,
    "extracted": BIGINT,
    "loaded": BIGINT,
    "rejected": BIGINT,
    "deleted": BIGINT,
    "acl_gap": BIGINT,
    "status": TEXT,
    "message": TEXT,
    "finished_at": TIMESTAMP,
}

OF_THE_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM)

OF_THE_FILE = (
    duckdb.IOException,
    duckdb.FatalException,
    duckdb.InternalException,
    duckdb.SerializationException,
    duckdb.TransactionException,
    duckdb.OutOfMemoryException,
)


class Busy(SourceError):
    """Another process loads the same source."""


class Unwritable(SourceError):
    """What was read cannot be written down."""


class Lost(SourceError):
    """A raw file is damaged, nothing else has its rows, and the source does not bring them back."""


def load(source: str, refresh_id: str, full: bool = False, span: Window | None = None) -> LoadRun:
    """Load what changed in a source since the last load, window by window.

    A source that cannot be read, for whatever reason, leaves its raw tables as they were; the audit
    says so and the other sources go on. A source that is off gets empty tables, so that every model
    can be built.

    Args:
        source: Name of the source.
        refresh_id: What the audits are marked with.
        full: Read everything again.
        span: Read only this span again (a backfill); one that was stopped goes on.

    Raises:
        Busy: Another process loads the same source.
        Lost: Its raw file is damaged, and what it had comes back neither from archive nor source.
        Unwritable: The disk is full, or the folder is not writable.
    """
    run = LoadRun(source, refresh_id, full, span)
    if not SOURCES[source].is_on:
        prepare(source)
        return run
    with _writable(source), _locked(source) as lost:
        pipeline = _with_tables(source)
        _read(pipeline, SOURCES[source], run)
        if span and all(audit.status == "complete" for audit in run.audits):
            with pipeline.managed_state(extract_state=True) as state:
                forget_backfills(state.get("sources", {}).get(source, {}))
            _commit(pipeline)
        if lost and any(audit.status == "failed" for audit in run.audits):
            shutil.rmtree(archive.folder_of(source), ignore_errors=True)  # there was none
            _put_back(source, lost)
    return run


def _put_back(source: str, lost: Path) -> None:
    """Leave the damaged file, or archive, where it was: an empty source would be published."""
    file = raw_store.raw_file(source)
    if lost.is_dir():
        soundness.unseal(file)
        file.unlink(missing_ok=True)
        lost.replace(archive.folder_of(source))
    else:
        lost.replace(file)
    raise Lost(
        f"{source}: {file.name} is damaged or gone, no archive of it can be read, and the source"
        f" did not bring its rows back (check {switch_of(source)}, or put a copy of the file there)"
    )


def note_failure(source: str, refresh_id: str, message: str) -> LoadRun:
    """Note that a load was ended from outside: killed for its memory, for example."""
    run = LoadRun(source, refresh_id)
    with _writable(source), _locked(source):
        pipeline = _with_tables(source)
        pipeline.abort_packages()
        _note_failure(pipeline, run, SourceError(message))
    return run


@contextmanager
def _writable(source: str) -> Iterator[None]:
    """Say in one line that what was read cannot be written; have the raw file looked through then.

    Raises:
        Unwritable: The disk is full, or the folder is not writable.
    """
    try:
        yield
    except Exception as failure:
        if not _is_ours(failure):
            raise
        *_, root = _chain(failure)
        with suppress(OSError):
            soundness.unseal(raw_store.raw_file(source))
        said = str(root).splitlines()[0]
        raise Unwritable(f"{source}: what was read cannot be written: {said}") from None


@contextmanager
def _locked(source: str) -> Iterator[Path | None]:
    """Lock the raw file of a source and repair it if needed; yields what `archive.mend` returns.

    Raises:
        Busy: Another process loads the same source.
    """
    try:
        with FileLock(_lock_folder() / f"{source}.lock", timeout=0):
            yield archive.mend(source)
    except Timeout:
        raise Busy(f"{source}: another process is loading this source; try again later") from None


def prepare(source: str) -> None:
    """Create the raw tables and columns of a source that a newer version has, and ask it nothing.

    Models read the tables of all sources, whichever of them a refresh loads.

    Raises:
        Busy: Another process loads the source.
        Lost: Its raw file is damaged and has no archive.
        Unwritable: The disk is full, or the folder is not writable.
    """
    with _writable(source), _locked(source) as lost:
        if lost:
            _put_back(source, lost)
        wanted = {(table.name, name) for table in SOURCES[source].tables for name in table.columns}
        wanted |= {(AUDITS, name) for name in AUDIT_COLUMNS}
        if raw_store.raw_file(source).exists():
            with raw_store.reading(source):
                there = raw_store.rows(
                    source,
                    "select table_name, column_name from duckdb_columns()"
                    " where schema_name = $schema",
                    schema=source,
                )
            if wanted <= set(there):
                return
        _with_tables(source)


def is_anything_loaded() -> bool:
    """Whether any raw table of any source holds a row: without one there is nothing to build on."""
    return any(_has_rows(source) for source in SOURCES)


def _has_rows(source: str) -> bool:
    if not raw_store.raw_file(source).exists():
        return any(archive.folder_of(source).glob("[0-9]*"))
    try:
        with duckdb.connect(str(raw_store.raw_file(source)), read_only=True) as raw:
            there = raw.execute(
                "select table_name from duckdb_tables() where schema_name = $1", [source]
            ).fetchall()
            return any(
                raw.execute(f"select 1 from {source}.{table.name} limit 1").fetchone()
                for table in SOURCES[source].tables
                if (table.name,) in there
            )
    except duckdb.Error:  # it is being loaded right now, or damaged: the next load mends it
        return True


def _read(pipeline: dlt.Pipeline, source: Source[Any], run: LoadRun) -> None:
    """Run window after window; each is committed before the next one is read.

    What a window noted counts only when the window is committed; the last one brings the audits of
    all of them.
    """
    committed: list[Audit] = []
    absurd.clear()

    def of_all_windows() -> list[Audit]:
        _note_absurd_times(run)
        return [] if run.more else merged([*committed, *run.audits])

    try:
        settings = source.read_settings()
        run.start = settings.start
        while True:
            run.more, run.audits = False, []
            with raw_store.reading(run.source):
                # The audits come last, when all else is read; both are one package.
                pipeline.extract([source.build(run, settings), _audits(run, of_all_windows)])
            counts = _commit(pipeline)
            run.windows += 1
            committed = merged([*committed, *run.audits])
            run.audits = committed
            for table, rows in counts.items():
                if not table.startswith("_dlt") and table != AUDITS:
                    run.rows[table] = run.rows.get(table, 0) + rows
            if not run.more:
                return
    except Exception as failure:
        if _is_ours(failure):
            raise
        pipeline.abort_packages()
        run.audits = committed
        _note_failure(pipeline, run, failure)


def _note_absurd_times(run: LoadRun) -> None:
    """Name the times that were not loaded, because no such time can be."""
    for (table, column), keys in absurd.items():
        run.audit(
            table,
            rejected=len(keys),
            message=(
                f"{column} of {len(keys):,} rows is not a time between {EARLIEST:%Y} and"
                f" {LATEST:%Y}, loaded without it:"
                f" {', '.join(keys[:5])}{' ...' if len(keys) > 5 else ''}"
            ),
        )
    absurd.clear()


def _commit(pipeline: dlt.Pipeline) -> dict[str, int]:
    """Load what was extracted and archive it, and return how many rows each table got."""
    source = pipeline.pipeline_name
    with raw_store.writing(source) as raw:
        counts = pipeline.normalize().row_counts
        pipeline.load()
        archive.keep(source, raw, counts)
    soundness.seal(raw_store.raw_file(source))
    return counts


def _note_failure(pipeline: dlt.Pipeline, run: LoadRun, failure: Exception) -> None:
    message = _in_words(run.source, failure)
    if _cause(failure) is None:  # the line is no more than a name, for who is to mend it
        message += f"; where it failed: {_keep_traceback(run.source, failure)}"
    is_late = isinstance(_cause(failure), WaitBudgetExceeded)
    run.audit("*", status="partial" if is_late else "failed", message=message)
    log.warning("%s", message)
    pipeline.extract(_audits(run, lambda: run.audits))
    _commit(pipeline)


def _chain(failure: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = failure
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__


def _cause(failure: BaseException) -> SourceError | SettingFault | None:
    """Return the source's own error inside dlt's, or None where it has none."""
    return next((e for e in _chain(failure) if isinstance(e, SourceError | SettingFault)), None)


def _is_ours(failure: BaseException) -> bool:
    """Whether the cause is local: the disk is full, or the folder is not writable."""
    return _cause(failure) is None and any(
        isinstance(error, OF_THE_FILE)
        or (isinstance(error, OSError) and error.errno in OF_THE_DISK)
        for error in _chain(failure)
    )


def _in_words(source: str, failure: BaseException) -> str:
    """Say in one line why a source was not read and what to do, without a value of any row."""
    cause = _cause(failure)
    if cause is None:
        *_, root = _chain(failure)
        read = next(filter(None, (misread(source, error) for error in _chain(failure))), None)
        text = str(read or f"{source}: an answer cannot be loaded ({type(root).__name__})")
        return f"{text}; check {switch_of(source)}, and report this line where it is right"
    text = "; ".join(str(cause).splitlines())
    if isinstance(cause, Unauthorized):
        return f"{text}; set it to one that is valid"
    return text


def _keep_traceback(source: str, failure: BaseException) -> str:
    """Write where the last load of a source failed to a file in the home, and name the file.

    Errors are named by their classes alone, as their texts may quote a row.
    """
    file = raw_store.home() / f"failure-{source}.txt"
    chain = [
        f"{''.join(traceback.format_tb(error.__traceback__))}{type(error).__name__}\n"
        for error in _chain(failure)
    ]
    file.unlink(missing_ok=True)  # a file that is there keeps its mode
    with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as kept:
        kept.write(redact("\nof which the cause is\n\n".join(chain)))
    return f"{file.name} in FLOWHOUSE_HOME"


def tables_of(source: str) -> dlt.sources.DltSource:
    """Return a source's raw tables without their content: their names, keys and columns."""

    @dlt.source(name=source, max_table_nesting=0)
    def tables() -> Iterator[Any]:
        for table in SOURCES[source].tables:
            yield dlt.resource(
                _nothing_of(table), name=table.name, max_table_nesting=0, **table.hints
            )
        yield _audit_resource(list)

    return tables()


def _with_tables(source: str) -> dlt.Pipeline:
    """Return the pipeline of a source, once all of its raw tables are there.

    dlt's folder holds a copy of what the raw file says: where it cannot be read, it goes.
    """
    is_new = not raw_store.raw_file(source).exists()
    try:
        pipeline = _synced(source)
    except Exception as failure:
        if _is_ours(failure):
            raise
        log.warning("%s: dlt's folder cannot be read; made again from the raw file", source)
        shutil.rmtree(raw_store.home() / "dlt" / source, ignore_errors=True)
        pipeline = _synced(source)
    _create_tables(pipeline, source, is_new)
    if not is_new:
        _move_renamed(source)
    return pipeline


def _synced(source: str) -> dlt.Pipeline:
    pipeline = raw_store.pipeline_for(source)
    with raw_store.writing(source):
        pipeline.abort_packages()
        pipeline.sync_destination()
    return pipeline


def _create_tables(pipeline: dlt.Pipeline, source: str, is_new: bool) -> None:
    """Create the raw tables and columns that are not there yet, empty."""
    names = {AUDITS: set(AUDIT_COLUMNS)}
    names |= {table.name: set(table.all_columns) for table in SOURCES[source].tables}
    known = pipeline.default_schema.tables if pipeline.default_schema_name else {}
    if is_new or not all(
        name in known and columns <= set(known[name]["columns"]) for name, columns in names.items()
    ):
        pipeline.extract(tables_of(source))
        _commit(pipeline)


def _move_renamed(source: str) -> None:
    """Move the rows of tables that had another name in an older version, and drop those tables.

    A row that the new table already has is newer and stays.
    """
    renamed = {
        table.former_name: table
        for table in SOURCES[source].tables
        if table.former_name is not None
    }
    if not renamed:
        return
    file = raw_store.raw_file(source)
    with raw_store.writing(source) as raw:
        there = raw.execute(
            "select table_name from duckdb_tables() where schema_name = $1", [source]
        ).fetchall()
        found = {name: renamed[name] for (name,) in there if name in renamed}
        if found:
            soundness.unseal(file)
        for former, table in found.items():
            same = " and ".join(f"new.{column} = old.{column}" for column in table.key)
            raw.execute("begin")
            raw.execute(
                f"insert into {source}.{table.name} by name from {source}.{former} as old"
                f" where not exists (from {source}.{table.name} as new where {same})"
            )
            raw.execute(f"drop table {source}.{former}")
            raw.execute("commit")
    if found:
        soundness.seal(file)


def _nothing_of(table: RawTable) -> Any:
    def nothing() -> Iterator[pa.Table]:
        yield table.batch([])

    return nothing


def _audits(run: LoadRun, of: Callable[[], list[Audit]]) -> dlt.sources.DltSource:
    """Return the source that writes down what was noted, once everything before it is read."""

    def rows() -> list[dict[str, Any]]:
        return [
            {
                **asdict(audit),
                "audit_key": str(uuid.uuid4()),
                "refresh_id": run.refresh_id,
                "loaded": audit.written if audit.status != "failed" else 0,
            }
            for audit in of()
        ]

    @dlt.source(name=run.source, max_table_nesting=0)
    def audits() -> Any:
        yield _audit_resource(rows)

    return audits()


def _audit_resource(rows: Callable[[], list[dict[str, Any]]]) -> Any:
    schema = pa.schema([pa.field(name, ARROW_TYPES[kind]) for name, kind in AUDIT_COLUMNS.items()])

    def load_audits() -> Iterator[pa.Table]:
        yield pa.Table.from_pylist(rows(), schema=schema)

    return dlt.resource(
        load_audits,
        name=AUDITS,
        write_disposition="append",
        columns={
            name: {"data_type": kind, "nullable": name != "audit_key"}
            for name, kind in AUDIT_COLUMNS.items()
        },
    )


def _lock_folder() -> Any:
    folder = raw_store.home() / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    return folder

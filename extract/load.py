"""Loads one source into its raw tables and says, object by object, what it did."""

import logging
import uuid
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

import dlt
import duckdb
import pyarrow as pa
from dlt.pipeline.exceptions import PipelineStepFailed
from filelock import FileLock, Timeout

from extract import warehouse
from extract.api import MISREAD, BudgetExhausted, Refused, SourceError, misread
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
from extract.windows import Window, backfill, forget_backfills
from extract.work import Audit, Load, merged

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


class Busy(SourceError):
    """Another process loads the same source."""


def load(source: str, refresh_id: str, full: bool = False, span: Window | None = None) -> Load:
    """Load what changed in a source since the last load, window by window.

    A source that cannot be read leaves its raw tables as they were; the audit says so and the
    other sources go on. A source that is off gets empty tables, so that every model can be built.

    Args:
        source: Name of the source.
        refresh_id: What the audits are marked with.
        full: Read everything again.
        span: Read only this span again (a backfill); one that was stopped goes on.

    Raises:
        Busy: Another process loads the same source.
        SettingFault: A setting is missing or wrong.
        Refused: The source refuses the credentials.
    """
    module = SOURCES[source]
    work = Load(source, refresh_id, full)
    lock = FileLock(_lock_folder() / f"{source}.lock", timeout=0)
    try:
        with lock:
            pipeline = warehouse.pipeline_for(source)
            pipeline.abort_packages()
            _create_tables(pipeline, source)
            if module.is_on():
                with backfill(span):
                    _read(pipeline, module, work)
                if span and all(audit.status == "complete" for audit in work.audits):
                    with pipeline.managed_state(extract_state=True) as state:
                        forget_backfills(state.get("sources", {}).get(source, {}))
                    _commit(pipeline)
    except Timeout:
        raise Busy(f"{source}: another process is loading this source; try again later") from None
    return work


def prepare(source: str) -> None:
    """Create the raw tables and columns of a source that a newer version has, and ask it nothing.

    Models read the tables of all sources, whichever of them a refresh loads.

    Raises:
        Busy: Another process loads the source.
    """
    wanted = {(table.name, column) for table in SOURCES[source].TABLES for column in table.columns}
    if warehouse.raw_file(source).exists():
        there = warehouse.rows(
            source,
            "select table_name, column_name from duckdb_columns() where schema_name = $schema",
            schema=source,
        )
        if wanted <= set(there):
            return
    try:
        with FileLock(_lock_folder() / f"{source}.lock", timeout=0):
            _create_tables(warehouse.pipeline_for(source), source)
    except Timeout:
        raise Busy(f"{source}: another process is loading this source; try again later") from None


def is_anything_loaded() -> bool:
    """Whether any raw table of any source holds a row: without one there is nothing to build on."""
    return any(_has_rows(source) for source in SOURCES)


def _has_rows(source: str) -> bool:
    if not warehouse.raw_file(source).exists():
        return False
    try:
        with duckdb.connect(str(warehouse.raw_file(source)), read_only=True) as raw:
            there = raw.execute(
                "select table_name from duckdb_tables() where schema_name = $1", [source]
            ).fetchall()
            return any(
                raw.execute(f"select 1 from {source}.{table.name} limit 1").fetchone()
                for table in SOURCES[source].TABLES
                if (table.name,) in there
            )
    except duckdb.IOException:  # it is being loaded right now
        return True


def _read(pipeline: dlt.Pipeline, module: Any, work: Load) -> None:
    """Run window after window; each is committed before the next one is read.

    What a window noted counts only when the window is committed; the last one brings the audits of
    all of them.
    """
    committed: list[Audit] = []
    absurd.clear()

    def of_all_windows() -> list[Audit]:
        _note_absurd_times(work)
        return [] if work.more else merged([*committed, *work.audits])

    try:
        while True:
            work.more, work.audits = False, []
            with warehouse.reading(work.source):
                # The audits come last, when all else is read; both are one package.
                pipeline.extract([module.build(work), _audits(work, of_all_windows)])
            counts = _commit(pipeline)
            work.windows += 1
            committed = merged([*committed, *work.audits])
            work.audits = committed
            for table, rows in counts.items():
                if not table.startswith("_dlt") and table != AUDITS:
                    work.rows[table] = work.rows.get(table, 0) + rows
            if not work.more:
                return
    except PipelineStepFailed as failure:
        pipeline.abort_packages()
        error = _cause(work.source, failure)
        if error is None or isinstance(error, Refused):
            raise error or failure from None
        work.audits = committed
        _note_failure(pipeline, work, error)
    except (SourceError, *MISREAD) as failure:
        error = _cause(work.source, failure)
        if error is None or isinstance(error, Refused):
            raise
        work.audits = committed
        _note_failure(pipeline, work, error)


def _note_absurd_times(work: Load) -> None:
    """Name the times that were not loaded, because no such time can be."""
    for (table, column), keys in absurd.items():
        work.audit(
            table,
            rejected=len(keys),
            message=(
                f"{column} of {len(keys):,} rows is no time between {EARLIEST:%Y} and {LATEST:%Y}, "
                f"loaded without it: {', '.join(keys[:5])}{' ...' if len(keys) > 5 else ''}"
            ),
        )
    absurd.clear()


def _commit(pipeline: dlt.Pipeline) -> dict[str, int]:
    """Load what was extracted, and return how many rows each table got."""
    with warehouse.writing(pipeline.pipeline_name):
        counts = pipeline.normalize().row_counts
        pipeline.load()
    return counts


def _note_failure(pipeline: dlt.Pipeline, work: Load, error: SourceError) -> None:
    status = "partial" if isinstance(error, BudgetExhausted) else "failed"
    work.audit("*", status=status, message=str(error))
    log.warning("%s", error)
    pipeline.extract(_audits(work, lambda: work.audits))
    _commit(pipeline)


def _cause(source: str, failure: BaseException) -> SourceError | None:
    """Return the source's own error inside dlt's, or None when the fault is ours."""
    seen: BaseException | None = failure
    unread: SourceError | None = None
    while seen is not None:
        if isinstance(seen, SourceError):
            return seen
        unread = misread(source, seen) or unread
        seen = seen.__cause__ or seen.__context__
    return unread


def tables_of(source: str) -> dlt.sources.DltSource:
    """Return a source's raw tables without their content: their names, keys and columns."""

    @dlt.source(name=source, max_table_nesting=0)
    def tables() -> Iterator[Any]:
        for table in SOURCES[source].TABLES:
            yield table.resource(_nothing_of(table))
        yield _audit_resource(list)

    return tables()


def _create_tables(pipeline: dlt.Pipeline, source: str) -> None:
    """Create the raw tables and columns that are not there yet, empty."""
    pipeline.sync_destination()
    names = {AUDITS: set(AUDIT_COLUMNS)}
    names |= {table.name: set(table.all_columns) for table in SOURCES[source].TABLES}
    known = pipeline.default_schema.tables if pipeline.default_schema_name else {}
    if not warehouse.raw_file(source).exists() or not all(
        name in known and columns <= set(known[name]["columns"]) for name, columns in names.items()
    ):
        pipeline.extract(tables_of(source))
        _commit(pipeline)


def _nothing_of(table: RawTable) -> Any:
    def nothing() -> Iterator[pa.Table]:
        yield table.batch([])

    return nothing


def _audits(work: Load, of: Callable[[], list[Audit]]) -> dlt.sources.DltSource:
    """Return the source that writes down what was noted, once everything before it is read."""

    def rows() -> list[dict[str, Any]]:
        return [
            {
                **asdict(audit),
                "audit_key": str(uuid.uuid4()),
                "refresh_id": work.refresh_id,
                "loaded": audit.written if audit.status != "failed" else 0,
            }
            for audit in of()
        ]

    @dlt.source(name=work.source, max_table_nesting=0)
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
    folder = warehouse.home() / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    return folder

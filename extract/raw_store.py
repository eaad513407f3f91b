"""Where extracted data lands: one DuckDB file per source, with one schema of the source's name.

One file per source because DuckDB has one writer per file: sources load side by side, and the
published file can never hold a payload.
"""

import logging
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

if TYPE_CHECKING:
    import dlt

# dlt reads these when it starts. They belong to the code, not to a user's configuration: without
# the load id staging cannot tell what is new; no telemetry leaves the machine, no trace of a run is
# kept, and what was loaded does not stay behind as files.
os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")
os.environ.setdefault("RUNTIME__LOG_LEVEL", "CRITICAL")
os.environ.setdefault("LOAD__DELETE_COMPLETED_JOBS", "true")
os.environ.setdefault("LOAD__TRUNCATE_STAGING_DATASET", "true")
os.environ.setdefault("ENABLE_RUNTIME_TRACE", "false")
os.environ.setdefault("NORMALIZE__PARQUET_NORMALIZER__ADD_DLT_LOAD_ID", "true")


log = logging.getLogger("flowhouse.extract")

_open: dict[str, duckdb.DuckDBPyConnection] = {}

WAIT_S = 10
"""How long a file may be open elsewhere, as for `flowhouse status`, before it is copied."""

ROOT = Path(__file__).parents[1]


def home() -> Path:
    """Return the folder that holds everything flowhouse writes (FLOWHOUSE_HOME)."""
    return Path(os.environ.get("FLOWHOUSE_HOME") or ROOT / ".flowhouse").resolve()


def fault_of_home() -> str | None:
    """Return why FLOWHOUSE_HOME cannot be written to or created, or None.

    Its path stands in statements that attach files: dbt and DuckDB take no parameter there.
    """
    if set(str(home())) & {*"'\"`;\n\r\0"}:
        return "FLOWHOUSE_HOME has a quote, a ; or a line break in its path: choose another"
    folder = home()
    while not folder.exists():
        folder = folder.parent
    if folder.is_dir() and os.access(folder, os.W_OK | os.X_OK):
        return None
    return "FLOWHOUSE_HOME names a folder that cannot be written"


def raw_folder() -> Path:
    """Return the folder of the raw DuckDB files."""
    return home() / "raw"


def raw_file(source: str) -> Path:
    """Return the DuckDB file that a source is loaded into.

    Not `<source>.duckdb`: DuckDB cannot tell a catalog from a schema of the same name.
    """
    return raw_folder() / f"raw_{source}.duckdb"


@contextmanager
def reading(source: str) -> Iterator[None]:
    """Keep the raw file of a source open for `rows`; no load can write to it meanwhile.

    To open a DuckDB file costs more than most of what is asked of it.
    """
    with opened(raw_file(source), read_only=True) as raw:
        _open[source] = raw
        try:
            yield
        finally:
            del _open[source]


@contextmanager
def writing(source: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """Keep the raw file of a source open while dlt opens and closes it for every job of a load."""
    with opened(raw_file(source)) as raw:
        yield raw


@contextmanager
def opened(file: Path, *, read_only: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a DuckDB file, also where another program keeps it open.

    A program that only looks at it is waited for. One that stays keeps the old file, and a copy
    takes its name: no other program has a reason to write to it.
    """
    until = time.monotonic() + WAIT_S
    while True:
        try:
            connection = duckdb.connect(str(file), read_only=read_only)
            break
        except duckdb.IOException as error:
            if "Could not set lock" not in str(error):
                raise
            if time.monotonic() < until:
                time.sleep(0.2)
            else:
                _replace_by_copy(file)
                until += WAIT_S
    with connection:
        connection.execute("set enable_progress_bar = false")
        yield connection


def _replace_by_copy(file: Path) -> None:
    copy = file.with_suffix(".copy")
    shutil.copyfile(file, copy)
    log = Path(f"{file}.wal")
    if log.exists():
        shutil.copyfile(log, f"{copy}.wal")
        os.replace(f"{copy}.wal", log)
    os.replace(copy, file)


def rows(source: str, query: str, *values: Any, **parameters: Any) -> list[tuple]:
    """Return what a query finds in the raw file of a source; not while a load writes to it.

    Args:
        source: Name of the source.
        query: SQL; tables are `<source>.<table>`, parameters `$name` or `?`.
        values: Values of the parameters `?`.
        parameters: Values of the parameters `$name`.
    """
    if source in _open:
        return _open[source].cursor().execute(query, values or parameters).fetchall()
    with duckdb.connect(str(raw_file(source)), read_only=True) as raw:
        return raw.execute(query, values or parameters).fetchall()


def committed(source: str) -> str:
    """Return the SQL condition of rows whose load was written to its end.

    A load that was killed can leave the rows of one table without those of another.
    """
    return f"_dlt_load_id in (select load_id from {source}._dlt_loads where status = 0)"


def pipeline_for(source: str) -> "dlt.Pipeline":
    """Return the pipeline that loads a source into the schema of the same name.

    dlt's folder holds a copy of what the raw file says: where it cannot be read, it goes.
    """
    raw_folder().mkdir(parents=True, exist_ok=True)
    try:
        return _pipeline(source)
    except ValueError:
        log.warning("%s: dlt's folder cannot be read; made again from the raw file", source)
        shutil.rmtree(home() / "dlt" / source, ignore_errors=True)
        return _pipeline(source)


def _pipeline(source: str) -> "dlt.Pipeline":
    """Parquet, because dlt's default of INSERT statements costs six times the CPU on DuckDB."""
    import dlt  # takes a second, which who only looks at a file need not spend

    from extract import patches

    patches.apply(patches.PATCHES)
    pipeline = dlt.pipeline(
        pipeline_name=source,
        destination=dlt.destinations.duckdb(
            str(raw_file(source)), preferred_loader_file_format="parquet"
        ),
        dataset_name=source,
        pipelines_dir=str(home() / "dlt"),
    )
    patches.ask_once_what_a_destination_can(pipeline)
    return pipeline

"""Checks that the DuckDB files of flowhouse are unchanged and undamaged.

A file is sealed after a complete write: its size and modification time are noted. A file with a
valid seal is not checked again; one that another program or a killed process wrote is read first.
"""

import multiprocessing
import os
import sys
from pathlib import Path

import duckdb

from extract.raw_store import home, opened, raw_file

SMALLEST = 12_288
"""Bytes of a DuckDB file without a table. DuckDB takes an empty file for a new database."""


def _seal_of(file: Path) -> Path:
    return home() / "seals" / file.name


def _looks(file: Path) -> str:
    found = file.stat()
    return f"{found.st_size} {found.st_mtime_ns}"


def seal(file: Path) -> None:
    """Note how a file looks that was written to its end and closed."""
    note = _seal_of(file)
    note.parent.mkdir(parents=True, exist_ok=True)
    note.write_text(_looks(file))


def unseal(file: Path) -> None:
    """Have a file read to its end before it is used next."""
    _seal_of(file).unlink(missing_ok=True)


def is_sealed(file: Path) -> bool:
    """Whether a file is as it was left; with a log beside it, it was not closed."""
    note = _seal_of(file)
    return (
        file.exists()
        and note.exists()
        and note.read_text(errors="replace") == _looks(file)
        and not Path(f"{file}.wal").exists()
    )


def _step_of(source: str) -> tuple[Path, str]:
    """Return where it is noted how a raw file and dlt's copy of it look, and how they look now."""
    folder = home() / "dlt" / source
    files = [raw_file(source), folder / "state.json", *sorted(folder.glob("schemas/*"))]
    looks = [f"{file.name} {_looks(file)}" for file in files if file.exists()]
    return home() / "seals" / f"{source}.step", "\n".join(looks)


def note_step(source: str) -> None:
    """Note that dlt's folder holds what the raw file says: a load has just written both."""
    note, looks = _step_of(source)
    note.write_text(looks)


def is_in_step(source: str) -> bool:
    """Whether a raw file and dlt's folder are as a load left them: what dlt knows is up to date."""
    note, looks = _step_of(source)
    return (
        is_sealed(raw_file(source)) and note.exists() and note.read_text(errors="replace") == looks
    )


def is_sound(file: Path) -> bool:
    """Whether all tables of a DuckDB file can be read to their end.

    A process of its own reads them: what is damaged can end the process that reads it.
    """
    if file.stat().st_size < SMALLEST:
        return False
    if not os.access(file, os.R_OK | os.W_OK):
        return True  # that is another fault, and says so itself
    reader = multiprocessing.Process(target=_read_to_end, args=(str(file),))
    reader.start()
    reader.join()
    return reader.exitcode == 0


def _read_to_end(file: str) -> None:
    sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115  a failure here is reported once
    try:
        with opened(Path(file)) as database:
            for schema, table in database.execute(
                "select schema_name, table_name from duckdb_tables()"
                " where database_name = current_database()"
            ).fetchall():
                database.execute(f'select bit_xor(hash(t)) from "{schema}"."{table}" as t')
    except (duckdb.OutOfMemoryException, MemoryError):
        os._exit(0)
    except BaseException:
        os._exit(1)
    os._exit(0)


def set_aside(file: Path) -> Path:
    """Give a damaged file another name, instead of the last one that had it, and return it."""
    aside = file.with_suffix(".damaged")
    file.replace(aside)
    Path(f"{file}.wal").unlink(missing_ok=True)
    unseal(file)
    return aside

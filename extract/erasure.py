"""Erasure: removes the keys of people from every raw file and archive, for good.

The key of an erased person is replaced by ERASED everywhere. Later loads replace it too, as
`privacy.person_key` reads the list. The list holds keyed hashes only.
"""

import re
import shutil
from collections.abc import Iterable
from pathlib import Path

import duckdb

from extract import archive, raw_store
from extract.privacy import ERASED, forgotten, forgotten_file

LEFT = ("*.damaged", "*.copy", "*.copy.wal", "*.draft", "*.draft.wal")
"""Names of DuckDB files that nothing reads any more: set aside, or of who was killed."""

PERSON_KEY = re.compile(r"[a-z2-7]{20}")


def remember(keys: Iterable[str]) -> None:
    """Add person keys to the list of erased people."""
    file = forgotten_file()
    file.parent.mkdir(parents=True, exist_ok=True)
    known = file.read_text().split() if file.exists() else []
    file.write_text("\n".join(dict.fromkeys([*known, *keys])) + "\n")
    forgotten.cache_clear()


def erase_raw(keys: list[str]) -> int:
    """Erase keys from all raw files, their archive, and what is left of packages of loads.

    The files are written again, because a row that was changed leaves its old bytes behind. What
    was damaged and set aside goes, of raw files, archives and the working warehouse, and so does
    what a command left half written that was killed.

    Returns:
        Number of rows that named one of them.
    """
    for folder in (raw_store.home(), raw_store.raw_folder()):
        for file in [file for pattern in LEFT for file in folder.glob(pattern) if file.is_file()]:
            file.unlink()
    for folder in archive.damaged():
        shutil.rmtree(folder)
    for file in archive.files():
        _erase_archived(file, keys)
    rows = sum(erase(file, keys) for file in sorted(raw_store.raw_folder().glob("*.duckdb")))
    shutil.rmtree(raw_store.home() / "dlt", ignore_errors=True)  # restored from the raw files
    return rows


def erase(file: Path, keys: list[str]) -> int:
    """Erase keys from every text column of a DuckDB file, and write it again.

    Returns:
        Number of rows that named one of them.
    """
    count = 0
    with duckdb.connect(str(file)) as database:
        columns = database.execute(
            "select schema_name, table_name, list(column_name) from duckdb_columns() "
            "where database_name = current_database() and data_type = 'VARCHAR' "
            "and (schema_name, table_name) in (select (schema_name, table_name) "
            "from duckdb_tables() where database_name = current_database()) group by all"
        ).fetchall()
        for schema, table, names in columns:
            for name in names:
                for key in keys:
                    count += database.execute(
                        f'update "{schema}"."{table}" set "{name}" = replace("{name}", $key, $new) '
                        f'where contains("{name}", $key)',
                        {"key": key, "new": ERASED},
                    ).fetchone()[0]
        database.execute("checkpoint")
    if count:
        _rewrite(file)
    return count


def _erase_archived(file: Path, keys: list[str]) -> None:
    """Erase keys from every text column of a Parquet file."""
    with duckdb.connect() as link:
        columns = link.execute(f"describe from '{file}'").fetchall()
        texts = [f'"{name}"' for name, kind, *_ in columns if kind == "VARCHAR"]
        named = " or ".join(f"contains({text}, '{key}')" for text in texts for key in keys)
        if not named or not link.execute(f"select 1 from '{file}' where {named}").fetchone():
            return
        erased = {text: text for text in texts}
        for text in texts:
            for key in keys:
                erased[text] = f"replace({erased[text]}, '{key}', '{ERASED}')"
        changed = ", ".join(f"{value} as {text}" for text, value in erased.items())
        draft = file.with_suffix(".draft")
        link.execute(
            f"copy (select * replace ({changed}) from '{file}')"
            f" to '{draft}' (format parquet, compression zstd)"
        )
    draft.replace(file)


def _rewrite(file: Path) -> None:
    draft = file.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    with duckdb.connect() as link:
        for raw in raw_store.raw_folder().glob("*.duckdb"):
            if raw != file:  # views of the working warehouse read them
                link.execute(f"attach '{raw}' as {raw.stem} (read_only)")
        link.execute(f"attach '{file}' as old (read_only)")
        link.execute(f"attach '{draft}' as new")
        link.execute("copy from database old to new")
        link.execute("checkpoint new")
    draft.replace(file)

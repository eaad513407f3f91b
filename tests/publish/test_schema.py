"""SCHEMA_VERSION is raised when it has to be: it is held against the columns that it stands for.

.venv/bin/python -m tests.publish.test_schema FLOWHOUSE_HOME/dbt    # writes the list anew
"""

import hashlib
import json
import sys
from pathlib import Path

import duckdb

from orchestration import rebuild
from publish import facts, quality, snapshot

LIST = Path(__file__).with_name("schema.csv")


def columns(manifest: dict) -> set[str]:
    """Return every published column with its type, one line each."""
    found = {
        f"{node['schema']}.{node['name']},{column['name']},{column['data_type']}"
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model" and node["schema"] in snapshot.SCHEMAS
        for column in node["columns"].values()
    }
    with duckdb.connect() as link:
        link.execute("attach ':memory:' as copy; create schema copy.meta")
        link.execute(Path(facts.__file__).with_name("facts.sql").read_text())
        link.execute(quality.TABLE)
        found |= {
            f"{schema}.{table},{column},{kind.lower()}"
            for schema, table, column, kind in link.execute(
                "select schema_name, table_name, column_name, data_type from duckdb_columns()"
                " where not internal"
            ).fetchall()
        }
    return found


def notes() -> str:
    """Return a word for the form in which the working warehouse keeps its notes."""
    from orchestration import changes

    texts = [rebuild.TABLE, changes.TABLE, quality.TABLE, snapshot.STANDING]
    return hashlib.sha256(repr(texts).encode()).hexdigest()[:16]


def first_line() -> str:
    return f"schema version {facts.SCHEMA_VERSION},notes {notes()},"


def test_the_schema_version_is_raised_when_a_column_goes_or_changes(parsed: Path) -> None:
    manifest = json.loads((parsed / "target" / "manifest.json").read_text())
    first, *listed = LIST.read_text().splitlines()
    what_to_do = "raise SCHEMA_VERSION in publish/facts.py, and write the list anew (see above)"
    assert {*listed} - columns(manifest) == set(), what_to_do
    assert first == first_line(), what_to_do


if __name__ == "__main__":
    made = json.loads((Path(sys.argv[1]) / "target" / "manifest.json").read_text())
    LIST.write_text("\n".join([first_line(), *sorted(columns(made))]) + "\n")

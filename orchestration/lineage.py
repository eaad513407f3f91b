"""Writes `lineage.html` beside the report, from every metric to the APIs: `make lineage`.

It follows from the code and not from the data, so no refresh has to wait for it. Needs a home that
has been refreshed once: from there it knows the columns of all tables.
"""

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

import duckdb

from extract.raw_store import raw_file
from extract.sources import SOURCES
from orchestration.environment import DBT_PROJECT, build_file, published_folder, report_file
from orchestration.termination import run
from publish.columns import Graph
from publish.lineage import Paths, write_page
from publish.snapshot import LINK

DEEPEST = 10_000
"""Long statements are deep trees, and sqlglot goes down in them by calling itself."""


def write_lineage(target: Path) -> Path:
    """Write the page and return its path.

    Raises:
        FileNotFoundError: Nothing is built yet.
        RuntimeError: dbt could not compile the project.
    """
    version = published_folder() / LINK
    for needed in (build_file(), version):
        if not needed.exists():
            raise FileNotFoundError(f"{needed.name} is not there; run `flowhouse refresh` first")
    sys.setrecursionlimit(max(sys.getrecursionlimit(), DEEPEST))
    paths = Paths(Graph(compiled(), columns()))
    with duckdb.connect(str(version.resolve()), read_only=True) as file:
        metrics = dict(
            file.execute("select metric, definition from marts.dim_metrics order by 1").fetchall()
        )
        [(number,)] = file.execute("select max(version_no) from meta.publications").fetchall()
    return write_page(paths, metrics, f"Made with the tables of publication {number}.", target)


def compiled() -> dict:
    """Return dbt's manifest with the statement of every model."""
    known = Path(os.environ["DBT_TARGET_PATH"]) / "partial_parse.msgpack"
    with tempfile.TemporaryDirectory() as folder:
        if known.exists():
            shutil.copy(known, folder)
        done = run(
            "orchestration.quick_dbt", "compile", "--quiet", "--select", "resource_type:model",
            "--target-path", folder, folder=DBT_PROJECT,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"the dbt project cannot be compiled:\n{done.stdout}")
        return json.loads((Path(folder) / "manifest.json").read_text())


def columns() -> dict[str, list[str]]:
    """Return the columns of every table and view of the house, by "schema.name"."""
    found: dict[str, list[str]] = {}
    for file in [build_file(), *(raw_file(source) for source in SOURCES)]:
        if file.exists():
            with duckdb.connect(str(file), read_only=True) as link:
                for address, name in link.execute(
                    "select schema_name || '.' || table_name, column_name from duckdb_columns()"
                    " where not internal order by column_index"
                ).fetchall():
                    found.setdefault(address, []).append(name)
    return found


if __name__ == "__main__":
    try:
        print(write_lineage(report_file().with_name("lineage.html")))
    except (FileNotFoundError, RuntimeError) as why:
        sys.exit(f"flowhouse: {why}")

"""Writes where numbers come from beside the report, and leads the site there: `make lineage`.

`lineage.html` goes from every metric to the APIs; `dbt_docs.html` is dbt's own documentation as one
file. Both follow from the code and not from the data, so no refresh has to wait for them. Needs a
home that has been refreshed once: from there it knows the columns of all tables.
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
from publish.report import DBT_DOCS, LINEAGE, write_report
from publish.snapshot import LINK

DEEPEST = 10_000
"""Long statements are deep trees, and sqlglot goes down in them by calling itself."""


def write_lineage(folder: Path) -> list[Path]:
    """Write both pages into the folder of the report, and the site anew; return their paths.

    Raises:
        FileNotFoundError: Nothing is built yet.
        RuntimeError: dbt could not compile the project.
    """
    version = published_folder() / LINK
    for needed in (build_file(), version):
        if not needed.exists():
            raise FileNotFoundError(f"{needed.name} is not there; run `flowhouse refresh` first")
    sys.setrecursionlimit(max(sys.getrecursionlimit(), DEEPEST))
    docs = folder / DBT_DOCS
    paths = Paths(Graph(documented(docs), columns()))
    with duckdb.connect(str(version.resolve()), read_only=True) as file:
        metrics = dict(
            file.execute("select metric, definition from marts.dim_metrics order by 1").fetchall()
        )
        [(number,)] = file.execute("select max(version_no) from meta.publications").fetchall()
    made_of = f"Made with the tables of publication {number}."
    page = write_page(paths, metrics, made_of, folder / LINEAGE, docs.name)
    write_report(version, folder / report_file().name)
    return [page, docs]


def documented(target: Path) -> dict:
    """Write dbt's documentation and return its manifest with the statement of every model."""
    known = Path(os.environ["DBT_TARGET_PATH"]) / "partial_parse.msgpack"
    with tempfile.TemporaryDirectory() as folder:
        if known.exists():
            shutil.copy(known, folder)
        done = run(
            "orchestration.quick_dbt", "docs", "generate", "--static", "--quiet",
            "--target-path", folder, folder=DBT_PROJECT,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"the dbt project cannot be documented:\n{done.stdout}")
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = target.with_name(f".{target.name}")
        shutil.copyfile(Path(folder) / "static_index.html", draft)
        draft.replace(target)
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
        print(*write_lineage(report_file().parent), sep="\n")
    except (FileNotFoundError, RuntimeError) as why:
        sys.exit(f"flowhouse: {why}")

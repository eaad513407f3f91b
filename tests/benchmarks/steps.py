"""Single steps of the benchmark, each run in a process of its own so that what it takes is its own.

python -m tests.benchmarks.steps STEP HOME RESULT.json [WORD]
"""

import importlib.util
import json
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb

from publish.report import write_report
from publish.snapshot import publish
from tests.benchmarks.generate import SQL, Generator, write_project

Facts = dict[str, float]


def generate(home: Path, items: str) -> Facts:
    """Write raw files of so many items, and the project with the seeds of their company."""
    with Generator(home / "raw") as generator:
        generator.first_load(int(items))
        rows = generator.rows()
    write_project(home / "project")
    return {"rows": sum(rows.values())}


def change(home: Path, words: str) -> Facts:
    """Write a load in which a share of the items changed."""
    items, loads, share = words.split(",")
    with Generator(home / "raw", int(items), int(loads)) as generator:
        return {"rows": generator.next_load(float(share)), "items": generator.items}


def published(home: Path, _: str) -> Facts:
    """Publish the working warehouse."""
    return {"bytes": publish(home / "build.duckdb", home / "published").stat().st_size}


def report(home: Path, _: str) -> Facts:
    """Write the report."""
    page = write_report(home / "published" / "warehouse.duckdb", home / "report.html")
    return {"bytes": page.stat().st_size}


def ask(home: Path, _: str) -> Facts:
    """Ask what a BI tool asks."""
    with duckdb.connect(str(home / "published" / "warehouse.duckdb"), read_only=True) as link:
        return _timed(link, "bi.sql", home)


def bare(home: Path, _: str) -> Facts:
    """Do the least that an engine must do."""
    with duckdb.connect() as link:
        _prepare(link, home)
        return _timed(link, "bare.sql", home)


def again(home: Path, nodes: str) -> Facts:
    """Run the statements of models and tests again, each three times; return the least it took.

    A machine that is shared makes one run of a statement twice as dear as the next one.
    """
    target = home / "project" / "target"
    results = json.loads((target / "run_results.json").read_text())["results"]
    manifest = json.loads((target / "manifest.json").read_text())["nodes"]
    compiled = {result["unique_id"]: result.get("compiled_code") for result in results}
    took = {}
    with duckdb.connect() as link:
        link.execute(f"attach '{home / 'build.duckdb'}' as build (read_only)")
        _prepare(link, home)
        link.execute("use build")
        for node in nodes.split(","):
            if manifest[node].get("language") == "python":
                took[node] = min(_model_seconds(link, home, node, manifest) for _ in range(3))
            elif compiled.get(node):
                took[node] = min(_seconds(link, compiled[node]) for _ in range(3))
    return took


def _model_seconds(
    link: duckdb.DuckDBPyConnection, home: Path, node: str, manifest: dict[str, Any]
) -> float:
    """Run a Python model on what the build made; return the CPU seconds that it took."""
    path = home / "project" / manifest[node]["original_file_path"]
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    addresses = {each["name"]: f"{each['schema']}.{each['name']}" for each in manifest.values()}
    dbt = SimpleNamespace(
        ref=lambda name: link.sql(f"from {addresses[name]}"),
        config=SimpleNamespace(get=lambda name: manifest[node]["config"].get(name)),
    )
    began = time.process_time()
    module.model(dbt, link)
    return time.process_time() - began


def _seconds(link: duckdb.DuckDBPyConnection, sql: str) -> float:
    began = time.process_time()
    link.execute(f"create or replace temp table made_again as {sql}")
    return time.process_time() - began


def _prepare(link: duckdb.DuckDBPyConnection, home: Path) -> None:
    """Set what profiles.yml sets, and attach the raw files."""
    link.execute(
        f"set TimeZone = 'UTC'; set threads = 2; set temp_directory = '{home / 'spill'}';"
        " set preserve_insertion_order = false; set memory_limit = '3GB'"
    )
    for path in sorted((home / "raw").glob("raw_*.duckdb")):
        link.execute(f"attach '{path}' as {path.stem} (read_only)")


def _timed(link: duckdb.DuckDBPyConnection, file: str, home: Path) -> Facts:
    """Run the statements of a file; return the CPU seconds of what stands below each `-- name`."""
    text = (SQL / file).read_text().replace("{seeds}", str(home / "project" / "seeds"))
    parts = re.split(r"^-- (.+)\n\n?(?=create|select)", text, flags=re.MULTILINE)[1:]
    took = {}
    for name, sql in zip(parts[::2], parts[1::2], strict=True):
        began = time.process_time()
        for statement in filter(str.strip, sql.split(";")):
            link.execute(statement).fetchall()
        took[name] = time.process_time() - began
    return took


STEPS: dict[str, Callable[[Path, str], Facts]] = {
    "generate": generate,
    "change": change,
    "publish": published,
    "report": report,
    "ask": ask,
    "bare": bare,
    "again": again,
}


def main() -> None:
    """Run one step and write what it found."""
    step, home, result, *words = sys.argv[1:]
    found = STEPS[step](Path(home), words[0] if words else "")
    Path(result).write_text(json.dumps(found))


if __name__ == "__main__":
    main()

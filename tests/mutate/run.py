"""Runs the mutants of every published table: `python -m tests.mutate.run [table ...]`.

A mutant of a mart or metric is run alone, over the tables that the golden and the demo company
have for it, and its rows are held against the recount of its table: `tests/recount` holds the
unbroken table against the same rows, so what differs is a test that fails. What the recount cannot
see is tried on everything behind it: all tables that rest on it are built again, and golden cases,
data tests and their recounts are asked.

A mutant that nothing notices is a survivor. One that gives the same rows on any data is listed in
`equivalents.csv` with the reason; others are faults of the tests.
"""

import argparse
import csv
import fnmatch
import importlib.util
import json
import multiprocessing
import random
import shutil
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pyarrow as pa

from tests import built
from tests.flow import golden, scratch
from tests.mutate.mutants import Mutant, mutants
from tests.recount import registry

EQUIVALENTS = Path(__file__).with_name("equivalents.csv")
PATIENCE_S = 20
"""A mutant that runs longer than this is noticed: no build would end."""

BROKEN = ("marts", "measures", "metrics")
"""Schemas whose models are broken; what is published is cut from the measures."""

MOST_UNEXPLAINED = 0.03
"""Share of the mutants of a table, or of a sample, that may survive without a reason."""


@dataclass
class World:
    """One built warehouse.

    Attributes:
        name: golden or demo.
        file: Its working warehouse.
        raw: Its raw files.
        sql: The compiled SQL of each model, for this warehouse.
    """

    name: str
    file: Path
    raw: Path
    sql: dict[str, str]


@dataclass
class Outcome:
    """What became of a mutant: noticed by whom, invalid, the same rows, or a survivor."""

    mutant: Mutant
    verdict: str
    by: str = ""


def golden_company() -> tuple[World, dict[str, Any]]:
    """Return the golden company, built with all its tests, and dbt's manifest."""
    warehouse = built.golden_warehouse()
    target = warehouse.project / "target"
    manifest = json.loads((target / "manifest.json").read_text())
    results = json.loads((target / "run_results.json").read_text())["results"]
    sql = {
        result["unique_id"]: result["compiled_code"]
        for result in results
        if result["compiled_code"]
    }
    home = warehouse.home
    return World("golden", home / "build.duckdb", home / "raw", sql), manifest


def demo_company(golden_world: World, home: Path) -> World:
    """Return the demo company. Its compiled SQL is the golden company's but for the instant."""
    with duckdb.connect(str(home / "build.duckdb"), read_only=True) as link:
        [(as_of,)] = link.execute("select as_of from meta.refreshes").fetchall()
    sql = {key: code.replace(golden.AS_OF, str(as_of)) for key, code in golden_world.sql.items()}
    return World("demo", home / "build.duckdb", home / "raw", sql)


class Bench:
    """A copy of one world's warehouse, on which mutants of one table after the other are tried."""

    def __init__(self, world: World, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.world = world
        self.file = folder / "build.duckdb"
        shutil.copyfile(world.file, self.file)
        self.link = duckdb.connect(str(self.file))
        self.link.execute("set threads = 1; set TimeZone = 'UTC'; set enable_progress_bar = false")
        for path in sorted(world.raw.glob("raw_*.duckdb")):
            self.link.execute(f"attach '{path}' as {path.stem} (read_only)")
        self.tables = registry.Tables(self.link)

    def run(self, sql: str) -> str | None:
        """Run a statement; return why it failed, or nothing."""
        timer = threading.Timer(PATIENCE_S, self.link.interrupt)
        timer.start()
        try:
            self.link.execute(sql)
        except duckdb.InterruptException:
            return "too slow"
        except duckdb.Error as error:
            return f"does not run: {str(error).splitlines()[0]}"
        finally:
            timer.cancel()
        return None


class Table:
    """One model and the mutants of it, on both worlds."""

    def __init__(self, node: dict[str, Any], benches: list[Bench], siblings: "Siblings") -> None:
        self.node = node
        self.key = node["unique_id"]
        self.name = node["name"]
        self.address = f"{node['schema']}.{node['name']}"
        self.benches = benches
        self.siblings = siblings
        self.recount = registry.RECOUNTS.get(self.name)
        self.expected: dict[str, pa.Table] = {}

    def outcome(self, mutant: Mutant) -> Outcome:
        """Try a mutant on the golden company, then on the demo company, then on what follows."""
        is_changed = None
        for bench in self.benches:
            sql = mutant.sql.replace(golden.AS_OF, self._as_of(bench))
            problem = bench.run(f"create or replace temp table mutant as {sql}")
            if problem == "too slow":
                return Outcome(mutant, "noticed", f"{bench.world.name}: does not end")
            if problem:
                return Outcome(mutant, "invalid", problem)
            if self.recount:
                expected = self._expected(bench)
                try:
                    if registry.differences(bench.link, "mutant", expected, limit=1):
                        return Outcome(mutant, "noticed", f"recount on {bench.world.name}")
                except duckdb.Error:  # another type, or no such column
                    return Outcome(mutant, "noticed", f"contract on {bench.world.name}")
            if is_changed is None and self._differs(bench):
                is_changed = bench
        if is_changed is not None and not self.recount:
            sql = mutant.sql.replace(golden.AS_OF, self._as_of(is_changed))
            by = self.siblings.notice(is_changed, self.key, sql)
            if by:
                return Outcome(mutant, "noticed", f"{by} on {is_changed.world.name}")
        return Outcome(mutant, "survived", "changes rows" if is_changed else "same rows")

    def _as_of(self, bench: Bench) -> str:
        return str(bench.tables.as_of)

    def _expected(self, bench: Bench) -> pa.Table:
        name = bench.world.name
        if name not in self.expected:
            self.expected[name] = registry.expected_rows(bench.tables, self.recount)
        return self.expected[name]

    def _differs(self, bench: Bench) -> bool:
        table = bench.link.execute(f"select * from {self.address}").fetch_arrow_table()
        try:
            return bool(registry.differences(bench.link, "mutant", table, limit=1))
        except duckdb.Error:
            return True


class Siblings:
    """What rests on a table: it is built again, and its tests, cases and recounts are asked."""

    def __init__(self, manifest: dict[str, Any], world: World) -> None:
        self.nodes = manifest["nodes"]
        self.world = world
        self.children = manifest["child_map"]
        self.usual: dict[str, int] = {}

    def after(self, key: str) -> list[str]:
        """Return the models and tests that rest on a model, each after what it needs."""
        found: set[str] = set()
        queue = [key]
        while queue:
            for child in self.children.get(queue.pop(), ()):
                if child in self.nodes and child not in found:
                    found.add(child)
                    queue.append(child)
        order: list[str] = []
        left = set(found)
        while left:
            ready = sorted(k for k in left if not left & set(self.nodes[k]["depends_on"]["nodes"]))
            order += ready
            left -= set(ready)
        return order

    def notice(self, bench: Bench, key: str, sql: str) -> str:
        """Return which test notices a broken model, or nothing; the warehouse stays as it was."""
        nodes = [key, *self.after(key)]
        is_golden = bench.world is self.world
        tests = [k for k in nodes if is_golden and self.nodes[k]["resource_type"] == "test"]
        models = [k for k in nodes if self.nodes[k]["resource_type"] == "model"]
        for test in tests:
            if test not in self.usual:
                self.usual[test] = self._failures(bench, test)
        bench.link.execute("begin")
        try:
            for model in models:
                node = self.nodes[model]
                if node["language"] == "python":
                    try:
                        self._run_python(bench, node)
                    except Exception as error:  # whatever it is, the build would fail with it
                        return f"model {node['name']} fails: {type(error).__name__}"
                    continue
                code = sql if model == key else bench.world.sql[model]
                kind = "view" if node["config"]["materialized"] == "view" else "table"
                address = f"{node['schema']}.{node['name']}"
                problem = bench.run(f"create or replace {kind} {address} as {code}")
                if problem:
                    return f"model {node['name']}: {problem}"
            tables = registry.Tables(bench.link)
            for model in models:
                name = self.nodes[model]["name"]
                recount = registry.RECOUNTS.get(name)
                if recount:
                    expected = registry.expected_rows(tables, recount)
                    if registry.differences(bench.link, tables.address(name), expected, limit=1):
                        return f"recount of {name}"
            for test in tests:
                if self._failures(bench, test) != self.usual[test]:
                    return f"test {self.nodes[test]['name']}"
            for case in golden.CASES if is_golden else ():
                if golden.faults(Asked(bench), case):
                    return f"golden case: {case.rule}"
            return ""
        except (duckdb.Error, AssertionError, LookupError, TypeError, pa.ArrowException) as error:
            return f"a test breaks: {type(error).__name__}"
        finally:
            bench.link.execute("rollback")

    def _run_python(self, bench: Bench, node: dict[str, Any]) -> None:
        """Build a Python model as dbt does, on what the broken model made."""
        path = scratch.PROJECT / node["original_file_path"]
        spec = importlib.util.spec_from_file_location(path.stem, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        tables = registry.Tables(bench.link)
        dbt = SimpleNamespace(
            ref=lambda name: bench.link.table(tables.address(name)),
            config=SimpleNamespace(get=lambda name: node["config"].get(name)),
        )
        made = module.model(dbt, bench.link)
        bench.link.register("made", made)
        bench.link.execute(
            f"create or replace table {node['schema']}.{node['name']} as select * from made"
        )
        bench.link.unregister("made")

    def _failures(self, bench: Bench, test: str) -> int:
        sql = self.world.sql.get(test)
        if sql is None:
            return 0
        try:
            [(count,)] = bench.link.execute(f"select count(*) from ({sql}) as failing").fetchall()
        except duckdb.CatalogException:
            return -1
        return count


@dataclass
class Asked:
    """The golden warehouse as golden cases ask it, inside of an open transaction."""

    bench: Bench

    def rows(self, sql: str, parameters: list | None = None) -> list[tuple]:
        """Return what a query finds."""
        return self.bench.link.execute(sql, parameters or []).fetchall()


def reasons() -> list[dict[str, str]]:
    """Return the lines of `equivalents.csv`."""
    if not EQUIVALENTS.exists():
        return []
    with EQUIVALENTS.open() as file:
        return list(csv.DictReader(file))


def explained(mutant: Mutant, lines: Iterable[dict[str, str]]) -> str:
    """Return why a mutant gives the same rows on any data, or nothing."""
    for line in lines:
        if all(
            fnmatch.fnmatchcase(getattr(mutant, name), line[name])
            for name in ("table", "part", "operator", "before", "after")
        ):
            return line["reason"]
    return ""


def attempt(task: tuple[str, list[Mutant]]) -> list[Outcome]:
    """Try the mutants of one table; every worker process has its own copies of the worlds."""
    key, chosen = task
    table = Table(SHARED["manifest"]["nodes"][key], SHARED["benches"], SHARED["siblings"])
    return [table.outcome(mutant) for mutant in chosen]


SHARED: dict[str, Any] = {}


def prepare(worlds: list[World], manifest: dict[str, Any], folder: Path) -> None:
    """Open this worker's copies."""
    registry.load()
    own = Path(tempfile.mkdtemp(dir=folder))
    SHARED["manifest"] = manifest
    SHARED["benches"] = [Bench(world, own / world.name) for world in worlds]
    SHARED["siblings"] = Siblings(manifest, worlds[0])


def chosen_tables(manifest: dict[str, Any], names: list[str]) -> list[str]:
    """Return the models to break: all published ones, or those that are named."""
    return sorted(
        key
        for key, node in manifest["nodes"].items()
        if node["resource_type"] == "model"
        and node["language"] == "sql"
        and (node["name"] in names if names else node["schema"] in BROKEN)
    )


def report(outcomes: list[Outcome], seconds: float, folder: Path | None, is_full_run: bool) -> int:
    """Print what happened by table and each survivor; return 1 if too many are unexplained.

    Of all mutants each table is judged, of a sample all tables together: it has a few of each.
    """
    lines = reasons()
    tables: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        tables[outcome.mutant.table].append(outcome)
    print(f"{'table':32} mutants invalid noticed equal unexplained  share")
    worst = 0
    rows = []
    for name in sorted(tables):
        some = [o for o in tables[name] if o.verdict != "invalid"]
        survivors = [o for o in some if o.verdict == "survived"]
        odd = [o for o in survivors if not explained(o.mutant, lines)]
        share = len(odd) / len(some) if some else 0
        worst += share > MOST_UNEXPLAINED
        rows.append(
            {
                "table": name, "mutants": len(some),
                "invalid": len(tables[name]) - len(some),
                "noticed": len(some) - len(survivors),
                "equal": len(survivors) - len(odd), "unexplained": len(odd),
                "survivors": [o.mutant.name for o in odd],
            }
        )  # fmt: skip
        print(
            f"{name:32} {len(some):7} {rows[-1]['invalid']:7} {rows[-1]['noticed']:7}"
            f" {rows[-1]['equal']:5} {len(odd):11} {share:6.1%}"
        )
        for outcome in odd:
            print(f"    {outcome.by}: {outcome.mutant.name}")
    total = sum(row["mutants"] for row in rows)
    unexplained = sum(row["unexplained"] for row in rows)
    slow = sum("does not end" in o.by for o in outcomes)
    print(f"{slow} of the noticed ran longer than {PATIENCE_S} s")
    print(
        f"{total} mutants of {len(rows)} tables, {unexplained} survive without a reason"
        f" ({unexplained / max(total, 1):.1%}), {seconds:.0f} s"
    )
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
        result = {"seconds": round(seconds), "tables": rows}
        (folder / "mutants.json").write_text(json.dumps(result, indent=1))
    if is_full_run:
        return 1 if worst else 0
    return 1 if unexplained > MOST_UNEXPLAINED * total else 0


def main() -> int:
    """Try all mutants, or a sample; return 1 if a table has too many unexplained survivors."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tables", nargs="*", help="models; all marts and metrics if none")
    parser.add_argument("--sample", type=int, help="try only so many mutants, drawn by the seed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--demo", type=Path, help="the home of a demo company that is built")
    parser.add_argument("--output", type=Path, help="folder for mutants.json")
    words = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="flowhouse-mutate-") as workspace:
        folder = Path(workspace)
        first, manifest = golden_company()
        worlds = [first, demo_company(first, words.demo or built.demo_home())]
        made = {
            key: list(mutants(manifest["nodes"][key]["name"], first.sql[key]))
            for key in chosen_tables(manifest, words.tables)
        }
        tasks = [(key, mutant) for key, some in made.items() for mutant in some]
        if words.sample and words.sample < len(tasks):
            tasks = random.Random(words.seed).sample(tasks, words.sample)
        batches: dict[str, list[Mutant]] = defaultdict(list)
        for key, mutant in tasks:
            batches[key].append(mutant)
        pieces = [
            (key, some[place : place + 60])
            for key, some in sorted(batches.items(), key=lambda item: -len(item[1]))
            for place in range(0, len(some), 60)
        ]
        with multiprocessing.get_context("spawn").Pool(
            2, prepare, (worlds, manifest, folder)
        ) as pool:
            outcomes = [o for some in pool.imap_unordered(attempt, pieces, 1) for o in some]
    return report(outcomes, time.monotonic() - began, words.output, not words.sample)


if __name__ == "__main__":
    sys.exit(main())

"""The benchmark: `make bench SIZE=2k|10k|100k|1M`. Refuses what grows faster than the data.

A company is generated at the size asked for and at the smaller ones, and built with all tests as a
refresh builds it. The largest is then published, reported, asked ten questions, and refreshed with
nothing changed, 0.1 % and 1 % of its items changed; at 1M with 0.1 % alone, and at 10k and below,
the size for every change of the code, it is refreshed once. Nothing is said of seconds: machines
differ. What must hold on each is how the cost of every model and test grows, fitted over the sizes,
that no plan of the largest compares all rows with all rows, and below 1M that what was refreshed is
what is built anew.

    SIZE=100k RECORD=1 python -m tests.benchmarks.run
"""

import json
import math
import os
import platform
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import duckdb

from orchestration import rebuild
from tests.benchmarks.generate import as_of
from tests.benchmarks.plans import read_plans
from tests.benchmarks.results import draw, write_page
from tests.benchmarks.sameness import differences
from tests.test_plans import KNOWN

SIZES = {"2k": 2_000, "10k": 10_000, "100k": 100_000, "1M": 1_000_000}
COUNTS_FROM_S = 0.2
"""What takes less at the largest size is the cost of a statement, whatever it reads."""
JUDGED_FROM_S = 0.5
"""What takes less is too close to that cost, and to the noise of a busy machine, to be judged."""
HIGHEST_EXPONENT = 1.15
GRANTED_S = 0.05
"""What a statement measured alone may have been wrong by at the smallest size. What grows with the
square and takes half a second at five times the size is refused all the same."""

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]


@dataclass
class Step:
    """What one step took: seconds, children included, and the most memory it held at once."""

    name: str
    wall_s: float
    cpu_s: float
    peak_mib: float
    rows: int | None = None
    bytes: int | None = None


@dataclass
class Size:
    """What was measured at one size."""

    items: int
    steps: list[Step] = field(default_factory=list)
    nodes: dict[str, dict[str, float]] = field(default_factory=dict)
    bare: dict[str, float] = field(default_factory=dict)
    asked: dict[str, float] = field(default_factory=dict)


class Bench:
    """A home with the generated company, and the steps that are measured in it."""

    def __init__(self, home: Path, items: int) -> None:
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir(parents=True)
        self.home = home
        self.size = Size(items)
        self.items = items
        self.loads = 0

    def step(self, name: str, command: list[str], **environment: str) -> Step:
        """Run a command, measure it, and keep what it took."""
        began = time.monotonic()
        with (self.home / "step.log").open("w") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", *command],
                cwd=self.home / "project" if (self.home / "project").exists() else ROOT,
                env={**os.environ, **self._environment(), **environment},
                stdout=log,
                stderr=subprocess.STDOUT,
            )
            _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said = (self.home / "step.log").read_text()
            raise SystemExit(f"{name} failed:\n{said[-6000:]}")
        step = Step(
            name,
            time.monotonic() - began,
            used.ru_utime + used.ru_stime,
            used.ru_maxrss / 1024,
        )
        self.size.steps.append(step)
        return step

    def tell(self) -> None:
        """Print what the last step took."""
        step = self.size.steps[-1]
        print(
            f"{self.items:>9,} items  {step.name:<34} {step.wall_s:8.1f} s wall"
            f" {step.cpu_s:8.1f} s CPU {step.peak_mib:8,.0f} MiB",
            flush=True,
        )

    def _environment(self) -> dict[str, str]:
        project = self.home / "project"
        return {
            "PYTHONPATH": str(ROOT),
            "FLOWHOUSE_COMPANY": "bench",
            # Relative, so that what dbt has parsed at one size holds at the next one.
            "FLOWHOUSE_BUILD": "../build.duckdb",
            "FLOWHOUSE_RAW": "../raw",
            "FLOWHOUSE_AS_OF": str(as_of(max(self.loads, 1))),
            "FLOWHOUSE_REFRESH_ID": "bench",
            "DBT_PROJECT_DIR": str(project),
            "DBT_PROFILES_DIR": str(project),
            "DBT_TARGET_PATH": str(project / "target"),
            "DBT_LOG_PATH": str(self.home / "logs"),
            "DBT_LOG_LEVEL_FILE": "none",
        }

    def work(self, name: str, step: str, words: str = "") -> dict[str, float]:
        """Run a step of steps.py and return what it found."""
        result = self.home / "step.json"
        taken = self.step(
            name, ["tests.benchmarks.steps", step, str(self.home), str(result), words]
        )
        found = json.loads(result.read_text())
        taken.rows, taken.bytes = found.get("rows"), found.get("bytes")
        self.tell()
        return found

    def generate(self, parsed: Path | None) -> None:
        """Write the first load; the project may have been parsed in another home."""
        self.loads = 1
        self.work("generate", "generate", str(self.items))
        raw = sum(path.stat().st_size for path in (self.home / "raw").glob("*.duckdb"))
        self.size.steps[-1].bytes = raw
        if parsed:
            shutil.copytree(parsed, self.home / "project" / "target")
        else:
            self.step("parse", ["tests.benchmarks.measured_dbt", "/dev/null", "parse"])
            self.tell()

    def build(self, name: str) -> dict[str, dict[str, float]]:
        """Build with all data tests what a refresh would; return what each node took."""
        result = self.home / "nodes.json"
        words = ["build", "--exclude-resource-type", "unit_test"]
        build = self.home / "build.duckdb"
        manifest = json.loads((self.home / "project" / "target" / "manifest.json").read_text())
        how = rebuild.begin(
            build,
            rebuild.definitions(manifest, self.home / "project"),
            as_of(self.loads),
            everything=False,
        )
        step = self.step(
            name,
            ["tests.benchmarks.measured_dbt", str(result), *words],
            FLOWHOUSE_REBUILD=how,
            FLOWHOUSE_HOME=str(self.home),
        )
        rebuild.end(build)
        nodes = json.loads(result.read_text())
        # The peak is forgotten with each node.
        step.peak_mib = max(step.peak_mib, *(node["peak_mib"] for node in nodes.values()))
        with duckdb.connect(str(build), read_only=True) as link:
            [(step.rows,)] = link.execute(
                "select sum(estimated_size)::bigint from duckdb_tables()"
                " where schema_name in ('marts', 'metrics')"
            ).fetchall()
        step.bytes = build.stat().st_size
        self.tell()
        return nodes

    def measure_growth(self, parsed: Path | None) -> None:
        """Do what is done at every size."""
        self.generate(parsed)
        self.size.nodes = self.build("full build, all tests")
        self.size.bare = self.work("bare statements", "bare")

    def measure_again(self, nodes: Iterable[str]) -> None:
        """Measure statements alone, without dbt, and keep the least that each took."""
        for name, cpu_s in self.work("what grew, again", "again", ",".join(nodes)).items():
            self.size.nodes[name]["statement_s"] = cpu_s

    def measure_all(self) -> None:
        """Do what is done at the largest size only."""
        self.work("publish", "publish")
        self.work("report", "report")
        self.size.asked = self.work("ten BI queries", "ask")
        if self.items >= SIZES["1M"]:  # four builds more would take an hour of a core
            self._change("0.1 %", 0.001)
            self._refresh("refresh, 0.1 % changed")
            return
        self._refresh("refresh, nothing changed")
        for told, share in {"0.1 %": 0.001, "1 %": 0.01}.items():
            self._change(told, share)
            self._refresh(f"refresh, {told} changed")
        self._build_anew()

    def measure_refresh(self) -> None:
        """Build where something changed, and all of it anew: what CI asks at a small size."""
        self._change("1 %", 0.01)
        made = self.build("refresh, 1 % changed: build")
        if not made.keys() < self.size.nodes.keys():
            raise SystemExit("a refresh leaves out nothing")
        self._build_anew()

    def measure_delivery(self, *, is_large: bool) -> list[dict[str, Any]]:
        """Measure what follows work to production, on rows that are made up, at two sizes."""
        rows = []
        for step, most, what in (
            ("lead time", 100_000, "lead time of pull requests with ten commits each"),
            ("attribution", 3_200, "deployments behind incidents, 55 for each"),
        ):
            counts = [most // 10, most] if is_large else [most // 100, most // 10]
            small, large = (self.work(f"{step} of {n:,}", step, str(n)) for n in counts)
            rows.append(
                {
                    "what": what, "rows": counts[1], "own_s": large["own"],
                    "bare_s": large["bare"], "ratio": large["own"] / max(large["bare"], 0.001),
                    "exponent": math.log10(large["own"] / small["own"]),
                }
            )  # fmt: skip
        return rows

    def _change(self, told: str, share: float) -> None:
        found = self.work(f"(write {told} changes)", "change", f"{self.items},{self.loads},{share}")
        self.items, self.loads = int(found["items"]), self.loads + 1

    def _build_anew(self) -> None:
        """Build the same rows anew: what was refreshed so often must be the same, row by row."""
        build, refreshed = self.home / "build.duckdb", self.home / "refreshed.duckdb"
        build.rename(refreshed)
        (self.home / "inputs.json").unlink()
        self.build("the same anew")
        found = differences(refreshed, build)
        if found:
            raise SystemExit("a refresh comes to something else:\n" + "\n".join(found))
        print(f"{self.items:>9,} items  refreshed and made anew, every published row is the same")

    def _refresh(self, name: str) -> None:
        """From raw to published, tests included."""
        self.build(f"{name}: build")
        self.work(f"{name}: publish", "publish")


def exponents(sizes: list[Size], granted_s: float = 0) -> dict[str, float]:
    """Return how the CPU time of each node grows with the items: the slope of log against log.

    What dbt and DuckDB take for a statement that reads next to nothing is taken off, or a small
    table would seem to grow slowly. Nodes that take no more at the largest size are left out.
    """
    at_rest = {
        kind: sorted(
            node["cpu_s"] for name, node in sizes[0].nodes.items() if name.startswith(kind)
        )
        for kind in ("model", "test", "seed")
    }
    found = {}
    for name, last in sizes[-1].nodes.items():
        nodes = [(size.items, size.nodes[name]) for size in sizes if name in size.nodes]
        if last["cpu_s"] < COUNTS_FROM_S or len(nodes) < 2:
            continue
        others = at_rest.get(name.split(".")[0], [])
        floor = others[len(others) // 4] if len(others) > 20 else 0
        if all("statement_s" in node for _, node in nodes):
            took = [(items, node["statement_s"]) for items, node in nodes]
            took[0] = (took[0][0], took[0][1] + granted_s)
        else:
            took = [(items, node["cpu_s"] - floor) for items, node in nodes]
        points = [(math.log(items), math.log(max(cpu_s, 0.005))) for items, cpu_s in took]
        mean_x = sum(x for x, _ in points) / len(points)
        mean_y = sum(y for _, y in points) / len(points)
        found[name] = sum((x - mean_x) * (y - mean_y) for x, y in points) / sum(
            (x - mean_x) ** 2 for x, _ in points
        )
    return found


def too_steep(sizes: list[Size]) -> dict[str, float]:
    """Return the nodes that grow faster than they may."""
    return {
        name: exponent
        for name, exponent in exponents(sizes, GRANTED_S).items()
        if exponent > HIGHEST_EXPONENT and sizes[-1].nodes[name]["cpu_s"] >= JUDGED_FROM_S
    }


def all_with_all(home: Path) -> list[str]:
    """Return the joins of a build that compare all rows with all rows, but for those known."""
    plans = read_plans(home / "build.duckdb", home / "raw", home / "project" / "target")
    return [str(join) for join in plans.refused if join.node not in KNOWN]


def ancestors(manifest: Mapping[str, Any], model: str) -> set[str]:
    """Return a model and all models that it rests on."""
    found, open_ends = set(), [f"model.flowhouse.{model}"]
    while open_ends:
        node = open_ends.pop()
        if node in found or node not in manifest["nodes"]:
            continue
        found.add(node)
        open_ends += manifest["nodes"][node]["depends_on"].get("nodes", [])
    return found


def against_bare(size: Size, manifest: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Compare big tables with the least that an engine must do, each with all before it."""
    rows, so_far = [], 0.0
    for name, bare_s in size.bare.items():
        so_far += bare_s
        with_all = sum(
            size.nodes[node]["cpu_s"] for node in ancestors(manifest, name) if node in size.nodes
        )
        own = size.nodes[f"model.flowhouse.{name}"]["cpu_s"]
        rows.append(
            {"table": name, "own_s": own, "with_all_before_s": with_all, "bare_s": bare_s,
             "bare_with_all_before_s": so_far, "ratio": own / max(bare_s, 0.001)}
        )  # fmt: skip
    return rows


def machine() -> dict[str, str]:
    """Say on what this was measured."""
    names = [
        line.split(":")[1].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    pages = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "processor": names[0] if names else platform.processor() or platform.machine(),
        "cores": str(os.cpu_count()),
        "memory": f"{pages / 2**30:.0f} GiB",
        "system": platform.platform(),
        "python": platform.python_version(),
        **{name: version(name) for name in ("duckdb", "dbt-core", "dbt-duckdb")},
        "memory limit": os.environ.get("FLOWHOUSE_MEMORY_LIMIT", "default"),
        "load at the start": f"{os.getloadavg()[0]:.1f}",
    }


def main() -> None:
    """Run all steps, print and write what they took, and refuse what grows too fast."""
    wanted = os.environ.get("SIZE", "10k")
    if wanted not in SIZES:
        raise SystemExit(f"SIZE is one of {', '.join(SIZES)}")
    place = list(SIZES).index(wanted)
    names = list(SIZES)[max(place - (2 if wanted == "1M" else 1), 0) : place + 1]
    homes = Path(os.environ.get("FLOWHOUSE_HOME", ROOT / ".flowhouse")).resolve() / "bench"
    found = {"size": wanted, "measured_at": time.strftime("%Y-%m-%d"), "machine": machine()}
    print(", ".join(f"{key} {value}" for key, value in found["machine"].items()))
    benches: list[Bench] = []
    parsed = None
    for name in names:
        benches.append(Bench(homes / name, SIZES[name]))
        benches[-1].measure_growth(parsed)
        parsed = benches[-1].home / "project" / "target"
    sizes = [bench.size for bench in benches]
    suspects = too_steep(sizes)
    if suspects:
        for bench in benches:
            bench.measure_again(suspects)
    manifest = json.loads((parsed / "manifest.json").read_text())
    found["ratios"] = against_bare(sizes[-1], manifest)
    is_large = SIZES[wanted] > SIZES["10k"]
    found["delivery"] = benches[0].measure_delivery(is_large=is_large)
    found["all_with_all"] = all_with_all(benches[-1].home)
    if is_large:
        benches[-1].measure_all()
    else:
        benches[-1].measure_refresh()
    if "KEEP" not in os.environ:
        for bench in benches:
            shutil.rmtree(bench.home)
    found["sizes"] = [asdict(size) for size in sizes]
    found["exponents"] = exponents(sizes)
    found["too_steep"] = too_steep(sizes)
    _print_models(found)
    target = homes
    if "RECORD" in os.environ:
        target = FOLDER / "results"
    target.mkdir(parents=True, exist_ok=True)
    (target / f"{wanted}.json").write_text(json.dumps(found, indent=1) + "\n")
    (target / f"{wanted}.svg").write_text(draw(found))
    if "RECORD" in os.environ:
        write_page(target, FOLDER / "RESULTS.md")
    print(f"{target / wanted}.json, .svg; peak of this process"
          f" {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")  # fmt: skip
    faults = [f"compares all with all: {join}" for join in found["all_with_all"]]
    faults += [
        f"grows faster than n^{HIGHEST_EXPONENT}: {name} {slope:.2f}"
        for name, slope in found["too_steep"].items()
    ]
    faults += [
        f"grows faster than n^{HIGHEST_EXPONENT}: {row['what']} {row['exponent']:.2f}"
        for row in found["delivery"]
        if row["exponent"] > HIGHEST_EXPONENT and row["own_s"] > JUDGED_FROM_S
    ]
    if faults:
        raise SystemExit("\n".join(faults))


def _print_models(found: Mapping[str, Any]) -> None:
    """Print what the dearest nodes took at each size, and how far they are from the bare engine."""
    sizes = found["sizes"]
    nodes = sizes[-1]["nodes"]
    dearest = sorted(nodes, key=lambda name: -nodes[name]["cpu_s"])[:25]
    print("\nCPU seconds of the dearest models and tests, and their exponent")
    print(
        f"{'':<60}" + "".join(f"{size['items']:>11,}" for size in sizes) + "   exponent   peak MiB"
    )
    for name in dearest:
        took = "".join(f"{size['nodes'].get(name, {}).get('cpu_s', 0):11.2f}" for size in sizes)
        slope = found["exponents"].get(name)
        told = f"{slope:11.2f}" if slope is not None else f"{'-':>11}"
        print(f"{'.'.join(name.split('.')[2:3]):<60}{took}{told}{nodes[name]['peak_mib']:11,.0f}")
    print("\nCPU seconds against the least that the engine must do (with all that comes before)")
    for row in found["ratios"]:
        print(
            f"{row['table']:<32} own {row['own_s']:8.2f}  bare {row['bare_s']:8.2f}"
            f"  ratio {row['ratio']:7.1f}   with all before {row['with_all_before_s']:8.2f}"
            f"  bare {row['bare_with_all_before_s']:8.2f}"
        )
    for row in found["delivery"]:
        print(
            f"{row['rows']:>9,} {row['what']:<50} own {row['own_s']:8.2f}  bare"
            f" {row['bare_s']:8.2f}  ratio {row['ratio']:7.1f}  exponent {row['exponent']:.2f}"
        )


if __name__ == "__main__":
    main()

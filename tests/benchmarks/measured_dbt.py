"""Runs dbt and notes of each node how many CPU seconds and how much memory it took.

dbt tells wall time only, which on a busy machine says little. Nodes run one after the other
(threads: 1 in profiles.yml), so what the process used meanwhile, DuckDB's threads included, is
theirs.

    python -m tests.benchmarks.measured_dbt RESULT.json build --exclude-resource-type unit_test

A build notes beside the result what it was made from, and the next one leaves out what rests on
nothing that differs, as a refresh does; where there is no such note it makes everything.
"""

import json
import os
import sys
import time
from pathlib import Path

from dbt.cli.main import dbtRunner


def peak_kib() -> int:
    """Return the most memory the process held since `forget_peak`."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1])
    return 0


def forget_peak() -> None:
    """Begin a new peak, where the kernel can."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


def inputs_file(result: Path) -> Path:
    """Return where a build notes what it was made from."""
    return result.with_name("inputs.json")


def leave_out(before: Path) -> dict[str, str]:
    """Have dbt leave out what a refresh would; return what the build is made from."""
    told = dict(os.environ)
    from orchestration import changes, cutoff

    os.environ.clear()  # they point it at another home
    os.environ.update(told)
    changes.DBT_PROJECT = Path.cwd()
    manifest = json.loads(Path("target/manifest.json").read_text())
    now = changes.present_inputs(manifest, os.environ["FLOWHOUSE_AS_OF"], "bench")
    former = json.loads(before.read_text()) if before.exists() else {}
    reasons = changes.reasons(manifest, former, now)
    if reasons is not None:
        cutoff.watch(cutoff.Cutoff(manifest["parent_map"], reasons, manifest["nodes"]))
    return now


def main() -> int:
    """Run dbt with the words given, and write what each node took."""
    result, *words = sys.argv[1:]
    inputs = leave_out(inputs_file(Path(result))) if words[0] == "build" else {}
    nodes: dict[str, dict[str, float]] = {}
    begun: dict[str, tuple[float, float]] = {}

    def note(event: object) -> None:
        if event.info.name == "NodeStart":
            forget_peak()
            begun[event.data.node_info.unique_id] = (time.process_time(), time.monotonic())
        elif event.info.name == "NodeFinished":
            name = event.data.node_info.unique_id
            cpu, wall = begun[name]
            nodes[name] = {
                "cpu_s": time.process_time() - cpu,
                "wall_s": time.monotonic() - wall,
                "peak_mib": peak_kib() / 1024,
            }

    done = dbtRunner(callbacks=[note]).invoke(["--no-use-colors", *words])
    if done.exception:
        print(done.exception)
    Path(result).write_text(json.dumps(nodes))
    if inputs and done.success:
        inputs_file(Path(result)).write_text(json.dumps(inputs))
    return 0 if done.success else 1


if __name__ == "__main__":
    sys.exit(main())

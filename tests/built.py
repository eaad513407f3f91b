"""Warehouses that are built once for a state of the project and then read by every lane.

    python -m tests.built            # the state of the project
    python -m tests.built STATE      # notes that `make demo` has built the demo in that state

They lie in `.flowhouse/built/<state>/<name>`. The state is a hash of all files that decide what is
built, so a change of one of them builds again. Read them, copy them, change nothing.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from filelock import FileLock

from tests.flow import golden, scratch

ROOT = Path(__file__).parents[1]
HOMES = ROOT / ".flowhouse"
DEMO = {"FLOWHOUSE_COMPANY": "demo", "FLOWHOUSE_PSEUDONYM_KEY": "flowhouse-demo-key"}
DECIDE = ("dbt_project", "demo", "extract", "orchestration", "publish", "tests/flow", "uv.lock")
MADE = {"__pycache__", "target", "logs", "dbt_packages"}
KEPT_STATES = 2


@cache
def state() -> str:
    """Return the hash of every file that decides what is built."""
    found = hashlib.sha256()
    for name in DECIDE:
        for file in sorted([ROOT / name, *(ROOT / name).rglob("*")]):
            if file.is_file() and not (MADE & {*file.parts} or file.name.startswith("test_")):
                found.update(str(file.relative_to(ROOT)).encode() + b"\0" + file.read_bytes())
    return found.hexdigest()[:16]


def once(name: str, build: Callable[[Path], None]) -> Path:
    """Return a folder that is filled once for this state of the project."""
    folder = HOMES / "built" / state() / name
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):
        if not (folder / "is_built").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            build(folder)
            (folder / "is_built").touch()
            states = sorted((HOMES / "built").iterdir(), key=lambda path: path.stat().st_mtime)
            for old in states[:-KEPT_STATES]:
                shutil.rmtree(old, ignore_errors=True)
    return folder


def golden_warehouse() -> scratch.ScratchWarehouse:
    """Return the golden company with everything built and tested."""

    def build(folder: Path) -> None:
        scratch.built(folder / "home", scratch.merged(golden.ITEMS), golden.AS_OF)

    return scratch.ScratchWarehouse(once("golden", build) / "home", golden.AS_OF)


def demo_home() -> Path:
    """Return the home of the demo company after its first refresh, as of the demo's last day."""
    made = HOMES / "demo"
    note = made / "built_of"
    version = _only_version(made)
    if version and note.exists() and note.read_text() == f"{state()} {version}":
        return made

    def build(folder: Path) -> None:
        from demo import company, serve, world

        as_of = datetime.fromtimestamp(company.NOW, UTC).isoformat()
        environment = {k: v for k, v in os.environ.items() if not k.startswith("SOURCES__")}
        with serve.start(world.build()) as servers:
            done = subprocess.run(
                [Path(sys.executable).with_name("flowhouse"), "refresh"],
                env={
                    **environment, **servers.env, **DEMO,
                    "FLOWHOUSE_HOME": str(folder / "home"), "FLOWHOUSE_AS_OF": as_of,
                },
                capture_output=True,
                text=True,
                check=False,
            )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr[-4000:]

    return once("demo", build) / "home"


def _only_version(home: Path) -> str:
    """Return the name of the published file, or nothing where there are several, or none."""
    names = [path.name for path in (home / "published").glob("warehouse-*.duckdb")]
    return names[0] if len(names) == 1 else ""


def main() -> None:
    """Print the state, or note what `make demo` has just built."""
    if len(sys.argv) == 1:
        print(state())
    else:
        made = Path(os.environ.get("FLOWHOUSE_HOME") or HOMES) / "demo"
        (made / "built_of").write_text(f"{sys.argv[1]} {_only_version(made)}")


if __name__ == "__main__":
    main()

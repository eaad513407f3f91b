"""Points every setting at a scratch folder before the product is imported.

Scratch folders lie in memory where there is enough of it: what a test writes needs no disk.
"""

import gc
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

from tests import built
from tests.flow import scratch

SHARED = Path(__file__).parents[2] / "shared"
MEMORY = Path("/dev/shm")


def pytest_configure(config: pytest.Config) -> None:
    for name in [name for name in os.environ if name.startswith(("SOURCES__", "FLOWHOUSE_"))]:
        del os.environ[name]
    if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > 8 << 30:
        os.environ["TMPDIR"], tempfile.tempdir = str(MEMORY), None
    home = os.environ["FLOWHOUSE_HOME"] = tempfile.mkdtemp(prefix="flowhouse-test-")
    config.add_cleanup(lambda: shutil.rmtree(home, ignore_errors=True))


LONG = (
    "test_pipeline.py",
    "test_kills.py",
    "test_jira_days.py",
    "test_day.py",
    "test_real.py",
    "test_restatements.py",
    "test_secrets.py",
    "test_incremental.py",
    "test_dev.py",
    "test_later_days.py",
    "field/test_delivery.py",
    "field/test_jira.py",
    "publish/test_site.py",
    "semantic/test_mf.py",
    "publish/test_lineage.py",
    "test_servicenow_whole.py",
)
"""Files that refresh whole companies, load day by day, or kill: `make test-long` runs them."""

FIRST = (
    "test_flow.py",
    "test_github.py",
    "test_jira_scripted.py",
    "test_servicenow.py",
    "test_gitlab.py",
    "test_archive.py",
    "test_forms.py",
    "test_jenkins.py",
    "test_github_issues.py",
    "test_cli.py",
    "test_servicenow_models.py",
    "test_proofs.py",
    "test_recount.py",
    "test_jira.py",
    "field/test_conformance.py",
    "test_expectations.py",
    "test_jira_census.py",
    "test_github_conformance.py",
    "test_gate.py",
    "test_constraint.py",
)
"""What takes longest of the others; no worker is left with one of them at the end."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what belongs to the long lane, and begin with the longest files."""
    for item in items:
        if item.path.as_posix().endswith(tuple(f"/{name}" for name in LONG)):
            item.add_marker("long")
        if item.path.parent.name == "serving":
            item.add_marker("serving")
    places = {name: place for place, name in enumerate([*LONG, *FIRST])}
    items.sort(
        key=lambda item: min(
            (at for name, at in places.items() if item.path.as_posix().endswith(f"/{name}")),
            default=len(places),
        )
    )


def pytest_collection_finish() -> None:
    """Leave out of every garbage collection what is imported: each load makes several of them."""
    gc.collect()
    gc.freeze()


def built_once(factory: pytest.TempPathFactory, name: str, build: Callable[[Path], None]) -> Path:
    """Return a folder that one worker of the session fills and all of them read."""
    base = factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder = base / f"built-{name}"
    with FileLock(base / f"built-{name}.lock"):
        if not (folder / "is_built").exists():
            folder.mkdir(exist_ok=True)
            build(folder)
            (folder / "is_built").touch()
    return folder


@pytest.fixture(scope="session")
def golden_warehouse() -> scratch.ScratchWarehouse:
    """The golden company with everything built and tested; read it, copy it, change nothing."""
    return built.golden_warehouse()


@pytest.fixture(scope="session")
def golden_build(golden_warehouse: scratch.ScratchWarehouse) -> Path:
    """The golden company's working warehouse."""
    return golden_warehouse.home / "build.duckdb"


@pytest.fixture(scope="session")
def parsed() -> Path:
    """What dbt has parsed for a company of no special name; copy it to `dbt` in a home.

    It is in the home of this process too: whoever imports the graph need not parse again.
    """

    def build(folder: Path) -> None:
        subprocess.run(
            [
                sys.executable,
                "-c",
                "from orchestration.transformation import parse_if_stale as parse; parse()",
            ],
            env={**os.environ, "FLOWHOUSE_HOME": str(folder)},
            check=True,
        )

    folder = built.once("parsed", build) / "dbt"
    shutil.copytree(folder, Path(os.environ["FLOWHOUSE_HOME"]) / "dbt", dirs_exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def demo_home() -> Path:
    """The home of the demo company after its first refresh; read it, copy it, change nothing."""
    return built.demo_home()


@pytest.fixture(scope="session")
def demo_build(demo_home: Path) -> Path:
    """The demo company's working warehouse."""
    return demo_home / "build.duckdb"

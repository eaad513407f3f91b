"""Points every setting at a scratch folder before the product is imported."""

import gc
import os
import tempfile
from pathlib import Path

import pytest

SHARED = Path(__file__).parents[2] / "shared"


def pytest_configure() -> None:
    for name in [name for name in os.environ if name.startswith(("SOURCES__", "FLOWHOUSE_"))]:
        del os.environ[name]
    os.environ["FLOWHOUSE_HOME"] = tempfile.mkdtemp(prefix="flowhouse-test-")


LONGEST = (
    "test_pipeline.py",
    "test_real.py",
    "test_github.py",
    "test_jira_scripted.py",
    "test_servicenow.py",
    "test_jira_days.py",
    "test_flow.py",
    "test_gitlab.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest files, so that no worker is left with one at the end."""
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.name, len(LONGEST)))


def pytest_collection_finish() -> None:
    """Leave out of every garbage collection what is imported: each load makes several of them."""
    gc.collect()
    gc.freeze()

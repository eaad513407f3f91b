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
    "test_github.py",
    "test_real.py",
    "test_flow.py",
    "test_jira_days.py",
    "test_jira_scripted.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest files, so that no worker is left with one at the end."""
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.name, len(LONGEST)))


def pytest_collection_finish() -> None:
    """Leave what is imported and collected to itself: the collector would search it all the time.

    Each of the hundreds of loads makes garbage enough for that; it was a seventh of their time.
    """
    gc.collect()
    gc.freeze()

"""Points every setting at a scratch folder before the product is imported."""

import os
import tempfile
from pathlib import Path

SHARED = Path(__file__).parents[2] / "shared"


def pytest_configure() -> None:
    for name in [name for name in os.environ if name.startswith(("SOURCES__", "FLOWHOUSE_"))]:
        del os.environ[name]
    os.environ["FLOWHOUSE_HOME"] = tempfile.mkdtemp(prefix="flowhouse-test-")

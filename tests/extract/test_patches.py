"""Every patch of a package of others is still needed, and was written for the version we have."""

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from extract.patches import PATCHES

ROOT = Path(__file__).parents[2]

ASK = """
import sys
from importlib import import_module
patches = import_module(sys.argv[1]).PATCHES
print(*[int(patch.is_needed()) for patch in patches])
"""


def needed(module: str) -> list[str]:
    """Ask a process in which nothing is patched."""
    return subprocess.run(
        [sys.executable, "-c", ASK, module], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()


@pytest.mark.parametrize("module", ["extract.patches", "orchestration.patches"])
def test_a_patch_that_is_not_needed_any_more_goes(module: str) -> None:
    found = needed(module)
    assert found and set(found) == {"1"}, f"remove what {module} patches without need: {found}"


def test_a_patch_is_of_the_version_that_is_installed() -> None:
    from orchestration.patches import PATCHES as OTHERS

    for patch in (*PATCHES, *OTHERS):
        assert version(patch.package) == patch.written_for, (
            f"look whether {patch.package} still {patch.reason}"
        )
        assert patch.goes_when

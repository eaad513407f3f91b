"""Importing is free: it writes nothing, and starts nothing."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

IMPORT_ALL = """
import importlib, subprocess, sys
from pathlib import Path

class Popen(subprocess.Popen):
    def __init__(self, args, *more, **how):
        # Libraries may ask for the platform; programs of Python are ours.
        assert "-m" not in args and "-c" not in args, f"started: {args}"
        super().__init__(args, *more, **how)

subprocess.Popen = Popen
# These two run in Superset's own environment.
IN_SUPERSET = {"publish/superset/bootstrap.py", "publish/superset/config.py"}
for top in ("extract", "publish", "orchestration"):
    for path in sorted(Path(top).rglob("*.py")):
        if path.stem != "__main__" and str(path) not in IN_SUPERSET:
            importlib.import_module(".".join(path.with_suffix("").parts).removesuffix(".__init__"))
print(len(sys.modules))
"""


def test_importing_every_module_writes_nothing_and_starts_nothing(tmp_path: Path) -> None:
    home, before = tmp_path / "home", {path: path.stat().st_mtime_ns for path in _files()}
    done = subprocess.run(
        [sys.executable, "-B", "-c", IMPORT_ALL],
        cwd=ROOT,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "FLOWHOUSE_HOME": str(home),
            "HOME": str(tmp_path),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert not home.exists()
    assert {path: path.stat().st_mtime_ns for path in _files()} == before


def _files() -> list[Path]:
    """The files of the project that an import could have changed."""
    return [
        path
        for top in ("extract", "publish", "orchestration", "dbt_project")
        for path in (ROOT / top).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    ]

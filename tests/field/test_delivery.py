"""Cases made after public bug reports about delivery: all of ../shared/field-cases in one refresh.

Each case is a folder with its input and `expected.json`: questions to the published warehouse, with
their answers. A folder that comes to the shared ones is asked for by itself.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import duckdb
import pytest

from tests.conftest import built_once

ROOT = Path(__file__).parents[2]
CASES = ROOT.parent / "shared" / "field-cases" / "delivery"

pytestmark = pytest.mark.skipif(
    not CASES.exists(), reason=f"the cases from the field are not there: {CASES}"
)

QUESTIONS = [
    pytest.param(question["sql"], question["want"], id=f"{path.parent.name}: {question['what']}")
    for path in sorted(CASES.glob("*/expected.json"))
    for question in json.loads(path.read_text())
]

KNOWN: set[str] = set()
"""Answers that are still wrong: each one that becomes right leaves the list."""

OURS = {
    # A percentile of two values is none: of fewer than ten it is null. The two
    # lead times are what was to be found, and both are of the length that was expected.
    "first-deployment-swallows: P50 of May": (
        """
        select deployed_at, date_diff('second', first_commit_at, deployed_at)
        from marts.fct_changes
        where repository = 'acme/first-deploy' and deployed_at is not null order by 1
        """,
        [[datetime(2025, 5, 5, 11, 5), 93_900], [datetime(2025, 5, 7, 11, 5), 93_900]],
    ),
}
"""What is asked instead, where the answer is not ours; the reasons are in DECISIONS.md too."""


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """The published warehouse after one refresh with the data of all cases.

    Their runner writes seeds into the project that it is given: it gets a copy.
    """

    def build(folder: Path) -> None:
        project = folder / "project"
        left_out = shutil.ignore_patterns(
            ".git", ".venv", ".flowhouse", ".*_cache", "__pycache__", "target", "logs"
        )
        shutil.copytree(ROOT, project, ignore=left_out)
        (project / ".venv").symlink_to(Path(sys.executable).parents[1])
        done = subprocess.run(
            [sys.executable, CASES / "run.py", "--project", project, "--home", folder / "home"],
            env={**os.environ, "PYTHONPATH": str(project)},
            capture_output=True,
            text=True,
            check=False,
        )
        log = folder / "home" / "refresh.log"
        assert done.returncode in (0, 1), (
            done.stdout + done.stderr + (log.read_text()[-4000:] if log.exists() else "")
        )

    home = built_once(tmp_path_factory, "field-delivery", build) / "home"
    path = home / "fh" / "published" / "warehouse.duckdb"
    with duckdb.connect(str(path), read_only=True) as connection:
        yield connection


@pytest.mark.parametrize(("sql", "want"), QUESTIONS)
def test_the_right_answer_is_published(
    request: pytest.FixtureRequest,
    warehouse: duckdb.DuckDBPyConnection,
    sql: str,
    want: list[list],
) -> None:
    sql, want = OURS.get(request.node.callspec.id, (sql, want))
    if request.node.callspec.id in KNOWN:
        request.applymarker(pytest.mark.xfail(strict=True, raises=(AssertionError, duckdb.Error)))
    assert [list(row) for row in warehouse.execute(sql).fetchall()] == want

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

KNOWN = {
    "author-date-1970: changes that take years",
    "bot-first-review: pickup, GitHub",
    "bot-first-review: pickup, GitLab",
    "changes-of-other-branches: merged into next: deployed_at",
    "changes-of-other-branches: main after the cut: deployed_at",
    "environment-tier-and-flag: GitHub, in production",
    "environment-tier-and-flag: GitLab, in production",
    "first-deployment-swallows: old changes with a deployment",
    "first-deployment-swallows: P50 of May",
    "gh-abandoned-deployments: running",
    "gh-action-required: is it an error",
    "gh-closed-a-second-after-merge: outcome",
    "gh-deployed-head-sha: deployed",
    "gh-environment-names-people: named",
    "gh-jobs-end-before-start: negative seconds",
    "gh-merge-robot-closes: outcome",
    "gh-merge-robot-closes: changes besides the first commit",
    "gh-rejected-approval: deployments, failed",
    "gh-rerun-inherited-jobs: second attempt: queue 20 s, run 880 s",
    "gh-rerun-inherited-jobs: seconds of the job build, all attempts",
    "gh-rerun-inherited-jobs: no negative wait",
    "gh-run-name-is-free-text: one pipeline",
    "gh-run-name-is-free-text: nobody is named",
    "gh-two-workflows-one-name: flaky runs",
    "inbox-cloudevents: runs",
    "inbox-last-word: result",
    "inbox-payload-times: seconds",
    "inbox-read-and-unused: jobs",
    "inbox-read-and-unused: incidents",
    "jenkins-shared-library: repositories",
    "jenkins-shared-library: commits",
    "jenkins-shared-library: flaky",
    "jenkins-stage-clock: negative seconds",
    "jenkins-stage-still-running: running stages of an ended build",
    "no-deployment-api: deployments of a release, a workflow `Deploy to production`, "
    "a Jenkins job deploy-prod",
    "one-push-many-deployments: matrix",
    "retried-deploy-job: deployments",
    "review-outside-ready-and-merge: draft reviewed early",
    "roll-forward: deployments, failed, rework",
    "sn-choice-other-language: a status named by its number",
    "sn-hold-reason: stage",
    "sn-incident-ci-not-service: a quality result names it",
    "sn-reopen-count-unaudited: reopen_count",
}
"""Answers that are still wrong: each one that becomes right leaves the list."""


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
    if request.node.callspec.id in KNOWN:
        request.applymarker(pytest.mark.xfail(strict=True, raises=(AssertionError, duckdb.Error)))
    assert [list(row) for row in warehouse.execute(sql).fetchall()] == want

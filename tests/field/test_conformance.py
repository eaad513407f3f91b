"""Cases that Apache DevLake wrote: ../shared/conformance, with our value and why it differs."""

import csv
import importlib.util
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import duckdb
import numpy as np
import pytest

from tests.conftest import built_once
from tests.flow import scratch
from tests.flow.scratch import PROJECT

CASES = Path(__file__).parents[3] / "shared" / "conformance" / "devlake"

pytestmark = pytest.mark.skipif(
    not CASES.exists(), reason=f"the cases of others are not there: {CASES}"
)


@pytest.fixture(scope="module")
def walks() -> ModuleType:
    path = PROJECT / "models" / "intermediate" / "int_commits_carried.py"
    spec = importlib.util.spec_from_file_location("int_commits_carried", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def walked(
    walks: ModuleType, graph: dict[str, list[str]], deployed: list[tuple[str, str]]
) -> tuple[dict[str, str | None], dict[str, int]]:
    """Number a repository's commits, walk them; return what carries each, and its generation."""
    numbers = {sha: no for no, sha in enumerate(graph)}
    edges = [
        (no, numbers[parent])
        for sha, no in numbers.items()
        for parent in graph[sha]
        if parent in numbers
    ]
    children, parents = np.array(edges, dtype=np.int64).reshape(-1, 2).T
    known = [(name, sha) for name, sha in deployed if sha in numbers]
    carrier, generation = walks.walk(
        *walks.parents_of(len(graph), children, parents),
        [(1, numbers[sha]) for _, sha in known],
    )
    found = {
        sha: None if carrier[no] == walks.BEHIND_FIRST else known[carrier[no]][0]
        for sha, no in numbers.items()
        if carrier[no] != walks.UNREACHED
    }
    return found, {sha: generation[numbers[sha]] for sha in found}


def table(name: str, case: str = "refdiff/deployment_commit_diff") -> list[dict[str, str]]:
    with (CASES / case / f"{name}.csv").open() as file:
        return list(csv.DictReader(file))


def test_a_deployment_carries_the_commits_of_devlakes_refdiff(walks: ModuleType) -> None:
    parents: dict[str, list[str]] = {row["commit_sha"]: [] for row in table("repo_commits")}
    for row in table("commit_parents"):
        parents[row["commit_sha"]].append(row["parent_commit_sha"])
    deployed = [
        (row["commit_sha"], row["commit_sha"])
        for row in sorted(table("cicd_deployment_commits"), key=lambda row: int(row["id"]))
        if row["repo_url"] == "REPO111" and row["result"] == "SUCCESS"
    ]
    theirs = {row["commit_sha"]: row["new_commit_sha"] for row in table("commits_diffs")}
    assert len(theirs) == 5
    ours, _ = walked(walks, parents, deployed)
    # What lies behind the first known deployment was there, nobody knows since when.
    assert ours == {**theirs, "commit_sha6": None}


def test_a_walk_comes_to_every_commit_once_and_an_ancestor_has_the_shorter_line(
    walks: ModuleType,
) -> None:
    # Merges that meet again double the ways with each: 2^200 of them.
    parents: dict[str, list[str]] = {"m0": []}
    for no in range(200):
        parents |= {f"a{no}": [f"m{no}"], f"b{no}": [f"m{no}"]}
        parents[f"m{no + 1}"] = [f"a{no}", f"b{no}"]
    parents["tip"] = ["m200", "unknown"]
    found, places = walked(walks, parents, [("first", "m1"), ("lost", "gone"), ("second", "tip")])
    assert [found[sha] for sha in ("m0", "a0", "m1", "a1", "m200", "tip")] == [
        None, None, "first", "second", "second", "second",
    ]  # fmt: skip
    assert [places[sha] for sha in ("m0", "a0", "b0", "m1", "m200", "tip")] == [
        1, 2, 2, 3, 401, 402,
    ]  # fmt: skip


@pytest.mark.timeout(60)
def test_commits_that_are_their_own_ancestors_end_somewhere(walks: ModuleType) -> None:
    parents = {"a": ["b", "root"], "b": ["c"], "c": ["a"], "own": ["own", "a"], "root": []}
    _, places = walked(walks, parents, [("first", "own")])
    assert places.keys() == parents.keys() and places["root"] == 1
    assert places["own"] > places["a"] > places["root"]


LEAD = "dora/change_lead_time"
BEFORE = "dora/prev_success_deployment_commit"


def moment(text: str) -> datetime:
    """Return a time of theirs: `2023-4-9 4:51:47` or `2023-04-09T04:51:47.000+00:00`."""
    shown = text.replace("T", " ").split(".")[0]
    return datetime.strptime(shown, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)


def place(case: str, row: dict[str, str]) -> str:
    """Return the repository of a deployment: with them each pipeline deploys for itself."""
    return f"{case}-{row['cicd_scope_id']}/{row['repo_url']}"


def deployments(case: str, told: list[dict[str, str]]) -> scratch.Rows:
    """Return their deployments as GitHub's."""
    rows: scratch.Rows = {("github", "deployments"): [], ("github", "deployment_statuses"): []}
    for row in told:
        key = f"{case}-{row['id']}"
        began, ended = moment(row["started_date"]), moment(row["finished_date"])
        rows["github", "deployments"].append(
            {"id": key, "repository": place(case, row), "sha": row["commit_sha"],
             "environment": row["environment"] or "nameless", "created_at": began,
             "updated_at": ended, "payload": {}}
        )  # fmt: skip
        for at, state in ((began, "in_progress"), (ended, row["result"].lower())):
            rows["github", "deployment_statuses"].append(
                {"status_key": f"{key}-{state}", "deployment_id": key, "state": state,
                 "created_at": at, "payload": {}}
            )  # fmt: skip
    return rows


def changes() -> scratch.Rows:
    """Return their pull requests, where their merge commits are deployed, with the graph."""
    deployed = table("cicd_deployment_commits", LEAD)
    places = {row["commit_sha"]: place("lead", row) for row in deployed}
    parents: dict[str, list[str]] = {sha: [] for sha in places}
    homes = {}
    for row in table("commits_diffs", LEAD):
        new, old = row["new_commit_sha"], row["old_commit_sha"].replace("NULL", "")
        homes[row["commit_sha"]] = places[row["commit_sha"]] = places[new]
        parents[row["commit_sha"]] = [old] if old else []
        parents[new].append(row["commit_sha"])
    rows: scratch.Rows = {
        ("github", "commits"): [
            {"repository": places[sha], "sha": sha, "payload": {"parents": behind}}
            for sha, behind in parents.items()
        ],
        ("github", "pull_requests"): [],
        ("github", "pull_request_commits"): [
            {"pull_request_id": row["pull_request_id"], "sha": row["commit_sha"],
             "repository": "x", "authored_at": moment(row["commit_authored_date"]),
             "committed_at": moment(row["commit_authored_date"]), "payload": {}}
            for row in table("pull_request_commits", LEAD)
        ],
        ("github", "reviews"): [
            {"id": row["id"], "pull_request_id": row["pull_request_id"], "state": "COMMENTED",
             "submitted_at": moment(row["created_date"]), "payload": {"author": person(row)}}
            for row in table("pull_request_comments", LEAD)
        ],
    }  # fmt: skip
    for no, row in enumerate(table("pull_requests", LEAD)):
        merged = row["merged_date"] and moment(row["merged_date"])
        opened = moment(row["created_date"])
        payload = {
            "mergedAt": merged and merged.isoformat(), "mergeCommitOid": row["merge_commit_sha"],
            "author": {"person_key": row["author_id"], "actor_type": "human"},
        }  # fmt: skip
        rows["github", "pull_requests"].append(
            {"id": row["id"], "repository": homes.get(row["merge_commit_sha"], "lead-cicd1/none"),
             "number": no, "state": "closed" if merged else "open", "created_at": opened,
             "updated_at": merged or opened, "payload": payload}
        )  # fmt: skip
    return rows


def person(row: dict[str, str]) -> dict[str, str]:
    return {"person_key": row["account_id"], "actor_type": "human"}


@pytest.fixture(scope="module")
def dora(
    golden_warehouse: scratch.ScratchWarehouse, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Their two cases of DORA, built together by what makes changes and deployments."""

    def build(folder: Path) -> None:
        rows = deployments("lead", table("cicd_deployment_commits", LEAD)) | changes()
        for name, more in deployments(
            "before", table("cicd_deployment_commits_before", BEFORE)
        ).items():
            rows[name] += more
        scratch.write_raw(folder / "raw", rows)
        shutil.copytree(golden_warehouse.project, folder / "project")
        words = ("--select", "+fct_changes", "+fct_deployments", "refreshes")
        done = scratch.ScratchWarehouse(folder, "2023-06-01 00:00:00").dbt(
            "build", *words, "--resource-type", "model", "--resource-type", "seed"
        )
        assert done.returncode == 0, done.stdout[-6000:]

    path = built_once(tmp_path_factory, "conformance", build) / "build.duckdb"
    with duckdb.connect(str(path), read_only=True) as connection:
        yield connection


def test_the_deployment_before_is_devlakes(dora: duckdb.DuckDBPyConnection) -> None:
    theirs = {
        row["id"]: row["prev_success_deployment_commit_id"] or None
        for row in table("cicd_deployment_commits_after", BEFORE)
    }
    assert len(theirs) == 16
    ours = dora.execute(
        """
        select replace(deployment_key, 'github:deployment:before-', ''),
            replace(previous_deployment_key, 'github:deployment:before-', '')
        from marts.fct_deployments where deployment_key like '%:before-%'
        """
    ).fetchall()
    assert dict(ours) == theirs


def test_lead_times_are_devlakes_but_for_a_comment_before_the_opening(
    dora: duckdb.DuckDBPyConnection,
) -> None:
    parts = ("coding", "pickup", "review", "deploy")
    theirs = {
        row["id"]: tuple(int(row[f"pr_{part}_time"] or -1) for part in parts)
        for row in table("project_pr_metrics", LEAD)
    }
    assert len(theirs) == 6
    found = dora.execute(
        """
        select replace(change_key, 'github:pr:', ''), coding_s, pickup_s, review_s,
            merge_to_deploy_s
        from marts.fct_changes where merged_at is not null and kind = 'pull_request'
        """
    ).fetchall()
    ours: dict[str, tuple[Any, ...]] = {
        key: tuple(-1 if part is None else -(-part // 60) for part in clocks)
        for key, *clocks in found
    }
    # Theirs begins with a comment of the day before the pull request; ours is the first one that
    # was made while it could be merged.
    assert theirs["pr3"] == (5883, -1, 5760, -1)
    assert ours == {**theirs, "pr3": (5883, 24 * 60, 48 * 60, -1)}
    # What they leave null is flagged, and what was there with the first deployment too.
    flagged = dora.execute(
        """
        select replace(change_key, 'github:pr:', ''), is_coded_after_opening,
            is_reviewed_before_ready, is_reviewed_after_merge, is_behind_first_deployment
        from marts.fct_changes
        where is_coded_after_opening or is_reviewed_before_ready or is_reviewed_after_merge
            or is_behind_first_deployment
        order by 1
        """
    ).fetchall()
    assert flagged == [
        ("pr0", False, None, None, True),
        ("pr2", True, False, False, False),
        ("pr4", False, False, True, False),
        ("pr5", False, True, False, False),
    ]

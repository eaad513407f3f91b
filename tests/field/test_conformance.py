"""Cases that Apache DevLake wrote: ../shared/conformance, with our value and why it differs."""

import csv
import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from tests.flow.house import PROJECT

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


def table(name: str) -> list[dict[str, str]]:
    with (CASES / "refdiff" / "deployment_commit_diff" / f"{name}.csv").open() as file:
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
    ours = walks.carried(parents, deployed)
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
    found = walks.carried(parents, [("first", "m1"), ("lost", "gone"), ("second", "tip")])
    assert [found[sha] for sha in ("m0", "a0", "m1", "a1", "m200", "tip")] == [
        None, None, "first", "second", "second", "second",
    ]  # fmt: skip
    places = walks.generations(parents, found)
    assert [places[sha] for sha in ("m0", "a0", "b0", "m1", "m200", "tip")] == [
        1, 2, 2, 3, 401, 402,
    ]  # fmt: skip

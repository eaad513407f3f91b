"""What `flowhouse doctor` asks of each source: read-only, a line each, what is wrong as FAIL."""

import re
from pathlib import Path
from typing import Any

import pytest

from extract import probes
from extract.sources import SOURCES

real = pytest.mark.real


@pytest.fixture
def served(replay: Any, home: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The replay server after its last record, with every source configured."""
    replay.clock = "2026-03-01T00:00:00Z"
    for source in ("github", "jenkins", "gitlab", "servicenow"):
        monkeypatch.setenv(f"SOURCES__{source.upper()}__BASE_URL", replay.url(source))
    for name in ("GITHUB__TOKEN", "GITLAB__TOKEN", "JENKINS__API_TOKEN", "SERVICENOW__PASSWORD"):
        monkeypatch.setenv(f"SOURCES__{name}", "replay-token")
    for source in ("JENKINS", "SERVICENOW"):
        monkeypatch.setenv(f"SOURCES__{source}__USER", "replay")
    return replay


def asked(source: str) -> tuple[list[str], list[str]]:
    """Return the lines that are well and those that are not; the replay's clock stands still."""
    answers = [p for p in probes.of_source(SOURCES[source]) if not p.line.startswith("clock")]
    return [p.line for p in answers if p.is_well], [p.line for p in answers if not p.is_well]


def numbers(lines: list[str], what: str) -> int:
    """Return the sum of the numbers before a word."""
    found = [re.search(rf"([\d,]+) {what}\b", line) for line in lines]
    return sum(int(match[1].replace(",", "")) for match in found if match)


@real
def test_github_is_counted_repository_by_repository(served: Any, home: Any) -> None:
    well, wrong = asked("github")
    assert wrong == []
    counts = served.counts("github")
    assert f"repositories: {counts['repos']} visible" in well
    assert numbers(well, "pull requests") == counts["pulls"]
    assert numbers(well, "runs") == counts["runs"]
    assert numbers(well, "deployments") == counts["deployments"]
    assert not (home.folder / "raw").exists()


@real
def test_a_permission_that_lacks_and_a_repository_that_is_hidden_are_named(
    served: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(
        "SOURCES__GITHUB__REPOSITORIES", '["tidev/alloy", "bitcoin/bitcoin", "no/where"]'
    )
    served.fault(
        "github", "repos/tidev/alloy/actions/runs", status=403, times=9,
        body='{"message": "Resource not accessible by personal access token"}',
    )  # fmt: skip
    well, wrong = asked("github")
    assert "repositories: 2 visible" in well
    [missing, alloy] = wrong
    assert missing.startswith("SOURCES__GITHUB__REPOSITORIES: no/where: not there, or hidden")
    assert alloy.startswith("tidev/alloy: 725 pull requests, runs not readable (403)")
    assert "tidev/alloy: 0 issues" in well
    monkeypatch.setenv("SOURCES__GITHUB__REPOSITORIES", '["user-c6b5111d/ants"]')
    well, wrong = asked("github")
    assert (wrong, "user-c6b5111d/ants: 41 issues" in well) == ([], True)


@real
def test_only_the_first_of_many_repositories_are_looked_into(
    served: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("extract.sources.github.probes.MOST_PROBED", 2)
    monkeypatch.setattr(probes, "MOST_PROBED", 2)
    well, _ = asked("github")
    assert "repositories: the first 2 of them are looked into" in well
    assert sum("pull requests" in line for line in well) == 2


@real
def test_gitlab_is_counted_project_by_project(served: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    well, wrong = asked("gitlab")
    assert wrong == []
    counts = served.counts("gitlab")
    assert f"projects: {counts['projects']} visible" in well
    for kind in ("pipelines", "deployments", "issues"):
        assert numbers(well, kind) == counts[kind]
    assert numbers(well, "merge requests") == counts["merge_requests"]
    monkeypatch.setenv("SOURCES__GITLAB__PROJECTS", '["no/where"]')
    _, wrong = asked("gitlab")
    assert wrong == [
        "SOURCES__GITLAB__PROJECTS: not there, or hidden from this token",
        "projects: 0 visible",
    ]


@real
def test_jenkins_shows_its_jobs_and_whether_stages_can_be_read(
    served: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    well, wrong = asked("jenkins")
    assert wrong == []
    assert f"jobs: {served.counts('jenkins')['jobs']} visible" in well
    assert "stages: readable" in well
    served.fault("jenkins", "wfapi", status=404, times=9, body="")
    _, wrong = asked("jenkins")
    plugins = "neither the plugin Pipeline Graph View nor Pipeline: Stage View is there (404)"
    assert wrong == [f"stages: not readable: {plugins}"]
    monkeypatch.setenv("SOURCES__JENKINS__FOLDERS", '["nowhere"]')
    _, wrong = asked("jenkins")
    assert wrong[0].startswith("SOURCES__JENKINS__FOLDERS: ") and "jobs: 0 visible" in wrong


@real
def test_servicenow_says_what_is_counted_and_what_is_hidden(served: Any) -> None:
    well, wrong = asked("servicenow")
    assert wrong == []
    counts = served.counts("servicenow")
    assert {f"{name}: {counts[name]:,} rows" for name in ("incident", "problem")} <= set(well)
    assert "rm_story: not installed" in well
    assert any(line.startswith("sys_audit: readable") for line in well)
    served.scenario("servicenow", acl_hide={"fraction": 0.4, "prefix": "0"})
    _, wrong = asked("servicenow")
    assert {line.partition(":")[0] for line in wrong} >= {"incident"}
    [incident] = [line for line in wrong if line.startswith("incident")]
    [hidden] = re.findall(r"of the first 1,000 are ([\d,]+) hidden from this user", incident)
    assert 300 < int(hidden) < 600
    served.scenario("servicenow", hide_tables=["sys_audit"], hidden_table_status=403)
    well, _ = asked("servicenow")
    assert (
        "sys_audit: not readable (forbidden); histories come from metric_instance or from what"
        " loads see" in well
    )


@real
@pytest.mark.parametrize("source", ["github", "gitlab", "jenkins", "servicenow"])
def test_a_wrong_credential_is_one_line_without_it(
    served: Any, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    for name in ("GITHUB__TOKEN", "GITLAB__TOKEN", "JENKINS__API_TOKEN", "SERVICENOW__PASSWORD"):
        monkeypatch.setenv(f"SOURCES__{name}", "wrong-token")
    well, [line] = asked(source)
    assert well == [] and "SOURCES__" in line and "wrong-token" not in line


def test_the_files_of_the_inbox_are_counted(
    tmp_path: Path, home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "drop").mkdir()
    (tmp_path / "drop" / "one.jsonl").write_text("{}\n")
    monkeypatch.setenv("SOURCES__INBOX__PATH", str(tmp_path / "drop"))
    well, wrong = asked("inbox")
    assert wrong == [] and "files: 1, 0 of them not readable" in well
    monkeypatch.setenv("SOURCES__INBOX__PATH", str(tmp_path / "nowhere"))
    assert asked("inbox")[1] == ["SOURCES__INBOX__PATH is not a folder that can be read"]

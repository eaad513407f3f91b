"""GitHub: what is loaded, what is left out, and what never gets lost."""

import base64
import hashlib
import hmac
import json
import lzma
import re
import shutil
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import duckdb
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from demo import serve, world
from extract import api as http
from extract.api import Api, Unauthorized, WaitBudgetExceeded
from extract.settings import SettingFault
from extract.sources import github
from extract.sources.github.client import connect
from extract.sources.github.graphql import graphql_url
from extract.sources.github.rows import (
    Repository,
    base_branch,
    branch_commit_row,
    deployment_row,
    derived,
    graphql_person,
    rest_person,
    run_row,
)
from extract.sources.github.tables import TABLES
from tests.extract.bounds import set_bound
from tests.extract.scripted_github import Hub, commits, iso, reviews

real = pytest.mark.real
DATA = Path(__file__).parents[3] / "shared" / "data" / "github"
NOW = "2026-03-01T00:00:00Z"
TABLES = [table.name for table in TABLES]


@pytest.fixture
def cloud(replay: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The replay server at the end of its records."""
    replay.clock = NOW
    monkeypatch.setenv("SOURCES__GITHUB__BASE_URL", replay.url("github"))
    monkeypatch.setenv("SOURCES__GITHUB__TOKEN", "replay-token")
    return replay


def only(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    monkeypatch.setenv("SOURCES__GITHUB__REPOSITORIES", json.dumps(names))


def audit_of(work: Any, table: str, scope: str = "") -> Any:
    [audit] = [a for a in work.audits if (a.object, a.scope) == (table, scope)]
    return audit


def recorded(kind: str) -> dict[str, list[dict[str, Any]]]:
    """Recorded rows of a kind, by repository."""
    found: dict[str, list] = {}
    for path in DATA.glob(f"*/*/{kind}.ndjson*"):
        content = path.read_bytes()
        text = (lzma.decompress(content) if path.suffix == ".xz" else content).decode()
        name = f"{path.parent.parent.name}/{path.parent.name}"
        found[name] = [json.loads(line) for line in text.splitlines() if line]
    return found


def history(name: str) -> tuple[str | None, dict[str, list[str]]]:
    """Return the tip of a recorded default branch, and the parents of all recorded commits."""
    tip = json.loads((DATA / name / "repo.json").read_text()).get("default_head")
    return tip, {row["sha"]: row["parents"] for row in recorded("commits").get(name, [])}


def reachable(name: str) -> set[str]:
    tip, parents = history(name)
    found, left = set(), [tip]
    while left:
        sha = left.pop()
        if sha in parents and sha not in found:
            found.add(sha)
            left += parents[sha]
    return found


def main_line(name: str) -> list[str]:
    tip, parents = history(name)
    line = []
    while tip in parents:
        line.append(tip)
        tip = parents[tip][0] if parents[tip] else None
    return line


def count(home: Any, table: str) -> int:
    return home.value("github", f"select count(*) from github.{table}")


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def contents(home: Any) -> list[list[tuple]]:
    return [home.content("github", table) for table in TABLES]


# recorded data


@real
def test_everything_that_github_holds_is_loaded(cloud: Any, loaded: Any) -> None:
    home = loaded("github")
    counts = cloud.counts("github")
    listed = {name: {run["id"] for run in runs} for name, runs in recorded("runs").items()}
    jobs = {
        job["id"]
        for name, rows in recorded("jobs").items()
        for job in rows
        if job["run_id"] in listed.get(name, ())
    }
    known = {name: {row["sha"] for row in rows} for name, rows in recorded("commits").items()}
    commits = {
        (name, row["number"], sha)
        for name, rows in recorded("pull_commits").items()
        for row in rows
        for sha in row["shas"]
        if sha in known[name]
    }
    # GitHub counts pull requests among the issues; those are in their own table.
    issues = [row for rows in recorded("issues").values() for row in rows]
    numbers = {row["number"] for row in issues if "pull_request" not in row}
    assert counts["issues"] == len(issues)
    kept = {"question", "bug", "pending development", "waiting for response"}
    events = [
        row
        for rows in recorded("issue_events").values()
        for row in rows
        if row["issue_number"] in numbers
        and (row["event"] == "closed" or row.get("label", {}).get("name") in kept)
    ]
    assert {table: count(home, table) for table in TABLES} == {
        "repositories": counts["repos"],
        "issues": len(numbers),
        "issue_events": len(events),
        "project_items": 0,
        "snapshots": 0,
        "tombstones": 0,
        "pull_requests": counts["pulls"],
        "pull_request_commits": len(commits),
        "reviews": sum(len(rows) for rows in recorded("reviews").values()),
        "workflow_runs": counts["runs"],
        "jobs": len(jobs),
        "history_gaps": sum(bool(runs) for runs in listed.values()),
        "deployments": counts["deployments"],
        "deployment_statuses": sum(len(r) for r in recorded("deployment_statuses").values()),
        "environments": len(
            {(n, row["environment"]) for n, rows in recorded("deployments").items() for row in rows}
        ),
        "releases": 0,
        "commits": sum(len(reachable(name)) for name in known),
        "main_lines": sum(len(main_line(name)) for name in known),
    }
    conclusions = dict(
        home.rows("github", "select conclusion, count(*) from github.workflow_runs group by 1")
    )
    assert conclusions == Counter(
        run["conclusion"] for runs in recorded("runs").values() for run in runs
    )


@real
def test_a_second_load_asks_little_and_changes_nothing(cloud: Any, loaded: Any) -> None:
    home = loaded("github")
    before, last = contents(home), cloud.last
    work = home.load("github")
    asked = cloud.requests("github", last)
    # Seven listings per repository, and the two runs that were recorded unfinished.
    assert len(asked) <= 7 * cloud.counts("github")["repos"] + 8
    assert not [r for r in asked if "nodes(ids" in str(r["body"])]
    assert contents(home) == before
    assert {audit.status for audit in work.audits} == {"complete"}


@real
def test_day_by_day_equals_one_full_load(
    cloud: Any, home: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All repositories: branches, pull requests, reviews, runs, jobs, deployments, issues.

    The records hold one attempt of a run: who looked at an earlier one while it ran keeps it,
    and nobody can ask for it later.
    """
    happenings = (
        ("pulls", "merged_at", 3),
        ("reviews", "submitted_at", 1),
        ("runs", "created_at", 4),
        ("deployment_statuses", "created_at", 3),
    )
    days = {NOW}
    for kind, field, most in happenings:
        times = {row[field] for rows in recorded(kind).values() for row in rows if row.get(field)}
        days |= set(sorted(times)[:: len(times) // most])
    for cloud.clock in sorted(days):
        assert {audit.status for audit in home.load("github").audits} == {"complete"}
    # Between loads that lie months apart, who knows.
    tables = [table for table in TABLES if table != "history_gaps"]
    found = {table: home.content("github", table) for table in tables}
    monkeypatch.setenv("FLOWHOUSE_HOME", str(tmp_path / "full"))
    full = type(home)(tmp_path / "full")
    full.load("github")
    later = {
        str(run["id"]): run["run_attempt"]
        for runs in recorded("runs").values()
        for run in runs
        if "run_attempt" in run
    }
    alone = [row for row in found["workflow_runs"] if row[1] < later.get(row[0], 0)]
    assert {row[5] for row in alone} == {"in_progress"}
    found["workflow_runs"] = [row for row in found["workflow_runs"] if row not in alone]
    assert found == {table: full.content("github", table) for table in tables}


@real
def test_g6_a_pull_request_closed_years_ago_that_changes_is_read_again(
    cloud: Any, loaded: Any
) -> None:
    home = loaded("github")
    cloud.clock = "2026-03-01T06:00:00Z"
    cloud.mutate("github", "touch", "user-c6b5111d/ants#11")
    cloud.clock = "2026-03-01T07:00:00Z"
    last = cloud.last
    work = home.load("github")
    [pull] = [row for row in recorded("pulls")["user-c6b5111d/ants"] if row["number"] == 11]
    asked = [r["body"] for r in cloud.requests("github", last) if "nodes(ids" in str(r["body"])]
    assert [as_json(body)["variables"]["ids"] for body in asked] == [[pull["node_id"]]]
    assert audit_of(work, "pull_requests", "user-c6b5111d/ants").extracted == 1
    touched = f"select updated_at from github.pull_requests where id = '{pull['id']}'"
    assert home.value("github", touched) == datetime(2026, 3, 1, 6, tzinfo=UTC)


def as_json(body: Any) -> Any:
    return json.loads(body) if isinstance(body, str) else body


@real
def test_g2_a_run_that_was_seen_running_is_loaded_as_it_ended(
    cloud: Any, home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(monkeypatch, "bitcoin/bitcoin")
    [run] = [row for row in recorded("runs")["bitcoin/bitcoin"] if row["id"] == 17471820441]
    jobs = [row for row in recorded("jobs")["bitcoin/bitcoin"] if row["run_id"] == run["id"]]
    shown = f"select status, conclusion from github.workflow_runs where id = '{run['id']}'"
    job_states = f"select id, conclusion from github.jobs where run_id = '{run['id']}'"
    cloud.clock = "2025-09-04T17:30:00Z"
    home.load("github")
    assert home.rows("github", shown) == [("in_progress", None)]
    cloud.clock = "2025-09-04T19:30:00Z"
    home.load("github")
    assert home.rows("github", shown) == [("completed", run["conclusion"])]
    assert dict(home.rows("github", job_states)) == {
        str(job["id"]): job["conclusion"] for job in jobs
    }


@real
def test_g9_a_renamed_repository_is_found_and_a_hidden_one_is_a_failed_scope(
    cloud: Any, home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.scenario(
        "github",
        renamed={"old/name": "facebook/OpenBIC"},
        no_access=["tenstorrent/tt-lens"],
    )
    only(monkeypatch, "old/name", "tenstorrent/tt-lens", "facebook/OpenBIC", "tenstorrent/tt-mlir")
    work = home.load("github")
    names = home.rows("github", "select full_name from github.repositories order by 1")
    assert names == [("facebook/OpenBIC",), ("tenstorrent/tt-mlir",)]
    assert home.rows("github", "select distinct repository from github.deployments") == [
        ("facebook/OpenBIC",)
    ]
    assert count(home, "deployments") == len(recorded("deployments")["facebook/OpenBIC"])
    hidden = audit_of(work, "repositories", "tenstorrent/tt-lens")
    assert hidden.status == "failed"
    assert "SOURCES__GITHUB__REPOSITORIES" in hidden.message


@real
def test_t3b_a_repository_without_permission_fails_and_the_others_are_loaded(
    cloud: Any, home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.scenario("github", forbidden=["bitcoin/bitcoin"])
    only(monkeypatch, "bitcoin/bitcoin", "tenstorrent/tt-mlir")
    work = home.load("github")
    for table in ("pull_requests", "workflow_runs", "deployments"):
        assert audit_of(work, table, "bitcoin/bitcoin").status == "failed"
        assert audit_of(work, table, "tenstorrent/tt-mlir").status == "complete"
    assert count(home, "workflow_runs") == 1
    cloud.scenario("github")
    home.load("github")
    assert count(home, "workflow_runs") == 1 + len(recorded("runs")["bitcoin/bitcoin"])


@real
def test_t3_a_secondary_limit_is_waited_for(
    cloud: Any, home: Any, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    only(monkeypatch, "tenstorrent/tt-mlir")
    cloud.fault(
        "github",
        "actions/runs",
        status=403,
        headers={"X-RateLimit-Remaining": "4000"},
        body={"message": "You have exceeded a secondary rate limit."},
    )
    work = home.load("github")
    assert sum(waits) >= 60
    assert audit_of(work, "workflow_runs", "tenstorrent/tt-mlir").extracted == 1


@real
def test_t4b_graphql_pages_shrink_when_they_are_too_much(
    cloud: Any, home: Any, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    only(monkeypatch, "bitcoin/bitcoin")
    set_bound(monkeypatch, "github", "CONCURRENT_REQUESTS", 1)
    cloud.fault("github", "graphql", skip=2, status=502)
    home.load("github")
    bodies = [as_json(r["body"]) for r in cloud.requests("github") if r["path"] == "/graphql"]
    sizes = [len(b["variables"]["ids"]) for b in bodies if "ids" in (b.get("variables") or {})]
    assert sizes[:2] == [25, 12]
    assert max(sizes[1:]) == 12
    assert waits == []
    assert count(home, "pull_requests") == len(recorded("pulls")["bitcoin/bitcoin"])


@real
def test_t5_an_answer_with_errors_and_null_nodes_is_never_loaded(
    cloud: Any, home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "user-c6b5111d/ants"
    only(monkeypatch, name)
    # Connections that ask for more than two get an error and null in the place of the rest.
    cloud.scenario("github", graphql_first_limit=2)
    work = home.load("github")
    assert audit_of(work, "pull_requests", name).status == "complete"
    known = {row["sha"] for row in recorded("commits")[name]}
    expected = sorted(
        (row["number"], sha)
        for row in recorded("pull_commits")[name]
        for sha in row["shas"]
        if sha in known
    )
    found = home.rows(
        "github",
        """
        select number, sha from github.pull_request_commits as c
        inner join github.pull_requests as p on p.id = c.pull_request_id order by all
        """,
    )
    assert found == expected


@real
def test_a_graphql_limit_that_comes_with_200_is_waited_for(
    cloud: Any, home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(monkeypatch, "bitcoin/bitcoin")
    cloud.scenario("github", hourly_graphql_limit=2)
    waited: list[float] = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        cloud.control("POST", "clock", {"advance_s": int(seconds) + 1})

    monkeypatch.setattr(Api.__init__, "__kwdefaults__", {"headers": None, "sleep": sleep})
    set_bound(monkeypatch, "github", "CONCURRENT_REQUESTS", 1)
    monkeypatch.setattr(http, "RUN_BUDGET_S", 10**6)
    home.load("github")
    assert min(waited) > 3000
    assert count(home, "pull_requests") == len(recorded("pulls")["bitcoin/bitcoin"])


@real
def test_t2e_when_the_budget_ends_what_was_read_stays_and_the_next_load_goes_on(
    cloud: Any, home: Any, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    only(monkeypatch, "tenstorrent/tt-mlir", "bitcoin/bitcoin")
    cloud.scenario("github", hourly_limit=150)
    work = home.load("github")
    assert audit_of(work, "workflow_runs", "bitcoin/bitcoin").status == "partial"
    assert count(home, "jobs") >= len(recorded("jobs")["tenstorrent/tt-mlir"])
    cloud.scenario("github")
    cloud.control("POST", "reset")
    cloud.clock = NOW
    work = home.load("github")
    assert {audit.status for audit in work.audits} == {"complete"}
    assert count(home, "workflow_runs") == 1 + len(recorded("runs")["bitcoin/bitcoin"])


@real
def test_no_person_is_named(cloud: Any, loaded: Any) -> None:
    text = loaded("github").texts("github")
    assert "@" not in text
    users = [json.loads(line) for line in (DATA / "users.ndjson").read_text().splitlines()]
    people = {user["login"] for user in users if user["type"] == "User"}
    assert len(people) > 100
    # The owner of a repository is part of its name.
    assert {p for p in people if p.startswith("user-") and p in text} == {"user-c6b5111d"}
    refs = {row["head"]["ref"] for rows in recorded("pulls").values() for row in rows}
    # Many a branch of alloy is called after its issue, whose key is loaded.
    branches = {ref for ref in refs if ref and len(ref) > 8 and not re.match(r"[A-Z]+-\d+$", ref)}
    assert len(branches) > 100
    assert {branch for branch in branches if branch in text} == set()


@real
def test_a_wrong_token_is_refused_by_the_name_of_its_setting(
    cloud: Any, home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCES__GITHUB__TOKEN", "a-wrong-token")
    with pytest.raises(Unauthorized, match="SOURCES__GITHUB__TOKEN") as refused:
        github.SOURCE.checked_settings()
    for said in (str(refused.value), home.why_not("github")):
        assert "SOURCES__GITHUB__TOKEN" in said and "a-wrong-token" not in said


# the demo company


@pytest.fixture(scope="module")
def servers() -> Iterator[Any]:
    with serve.start(world.build()) as running:
        yield running


REPO = "payments-api"


@pytest.fixture
def company(servers: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The demo company with one of its repositories, at its present."""
    monkeypatch.setenv("SOURCES__GITHUB__BASE_URL", servers.urls["github"])
    monkeypatch.setenv("SOURCES__GITHUB__TOKEN", "demo-token")
    monkeypatch.setenv("FLOWHOUSE_PSEUDONYM_KEY", "a test's key")
    only(monkeypatch, f"northbank/{REPO}")
    now = servers.clock.now
    yield servers
    servers.clock.set(now)
    servers.faults.clear()


@pytest.fixture
def read(company: Any, home: Any, loaded_homes: dict[str, Path], tmp_path_factory: Any) -> Any:
    """A home after a first load of that repository, made once."""
    if "company" not in loaded_homes:
        home.load("github")
        loaded_homes["company"] = tmp_path_factory.mktemp("loaded") / "company"
        shutil.copytree(home.folder, loaded_homes["company"])
    else:
        shutil.copytree(loaded_homes["company"], home.folder, dirs_exist_ok=True)
    return home


def key_of(person: Any) -> str:
    """The keyed hash of a person, by the book."""
    text = f"github:{person.github_id}".encode()
    digest = hmac.new(b"a test's key", text, hashlib.sha256).digest()
    return base64.b32encode(digest).decode()[:20].lower()


def own(rows: list, now: int) -> list:
    return [row for row in rows if row.repository == REPO and row.created <= now]


def second(text: str) -> str:
    return f"epoch({text})::bigint"


def test_every_attempt_job_status_review_and_commit_of_a_repository_is_loaded(
    company: Any, read: Any
) -> None:
    made, now = company.world, company.clock.now
    attempts = {
        (str(run.id), number, attempt.conclusion if attempt.completed <= now else None)
        for run in own(made.runs, now)
        for number, attempt in enumerate(run.attempts, start=1)
        if attempt.started <= now
    }
    assert len({run for run, number, _ in attempts if number > 1}) > 20
    sql = "select id, run_attempt, conclusion from github.workflow_runs"
    assert set(read.rows("github", sql)) == attempts
    jobs = {
        (str(job.id), str(run.id), number, job.name, job.created)
        for run in own(made.runs, now)
        for number, attempt in enumerate(run.attempts, start=1)
        for job in attempt.jobs
        if job.created <= now
    }
    sql = f"""
        select id, run_id, run_attempt, payload->>'$.name', {second("created_at")} from github.jobs
    """
    assert set(read.rows("github", sql)) == jobs
    statuses = {
        (str(row.id), state, at)
        for row in own(made.deployments, now)
        for at, state in row.statuses
        if at <= now
    }
    sql = f"select deployment_id, state, {second('created_at')} from github.deployment_statuses"
    assert set(read.rows("github", sql)) == statuses
    pulls = own(made.pulls, now)
    reviews = {
        (str(row.id), str(pull.id), row.state, row.at, key_of(row.author))
        for pull in pulls
        for row in pull.reviews
        if row.at <= now
    }
    sql = f"""
        select id, pull_request_id, state, {second("submitted_at")}, payload->>'$.author.person_key'
        from github.reviews
    """
    assert set(read.rows("github", sql)) == reviews
    commits = {
        (str(pull.id), commit.sha, commit.at)
        for pull in pulls
        for commit in pull.commits
        if commit.seen_from <= now
    }
    sql = f"""
        select pull_request_id, sha, {second("authored_at")} from github.pull_request_commits
    """
    found = set(read.rows("github", sql))
    # A first load sees of what force pushes replaced the head only.
    replaced = {
        (str(pull.id), commit.sha, commit.at)
        for pull in pulls
        for commit in pull.commits
        if commit.seen_until and commit.seen_until <= now
    }
    heads = {event.before for pull in pulls for event in pull.events if event.at <= now}
    assert commits - found <= replaced
    assert {row for row in replaced if row[1] in heads} <= found <= commits


def test_pull_requests_say_what_happened_to_them(company: Any, read: Any) -> None:
    made, now = company.world, company.clock.now
    kinds = {
        "ReadyForReviewEvent": "ready_for_review",
        "ConvertToDraftEvent": "convert_to_draft",
        "ClosedEvent": "closed",
        "ReopenedEvent": "reopened",
        "MergedEvent": "merged",
    }
    expected, flags = {}, {}
    for pull in own(made.pulls, now):
        expected[str(pull.id)] = [
            (kinds[event.kind], event.at, key_of(event.actor))
            for event in pull.events
            if event.at <= now and event.kind in kinds
        ]
        messages = (commit.message for commit in pull.commits if commit.seen_from <= now)
        texts = " ".join([pull.branch, pull.title, pull.body, *messages])
        keys = re.findall(r"\b(?:PAY|SHOP|PLAT)-\d+", texts)
        flags[str(pull.id)] = (
            pull.kind == "revert",
            pull.kind == "hotfix",
            set(keys),
            "bot" if pull.author.is_bot else "human",
            key_of(pull.author),
        )
    found, said = {}, {}
    for pull_id, payload in read.rows("github", "select id, payload from github.pull_requests"):
        pull = json.loads(payload)
        found[pull_id] = [
            (e["type"], int(moment(e["at"]).timestamp()), e["actor"]["person_key"])
            for e in pull["events"]
            if e["type"] in kinds.values()
        ]
        said[pull_id] = (
            pull["is_revert"],
            pull["is_hotfix"],
            set(pull["issue_keys"]),
            pull["author"]["actor_type"],
            pull["author"]["person_key"],
        )
        assert pull["baseRefName"] == "main"
    assert found == expected
    assert said == flags
    assert {author for *_, author, _ in said.values()} == {"bot", "human"}


def test_g7_a_deployment_keeps_its_success_when_it_becomes_inactive(
    company: Any, home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = next(
        row
        for row in reversed(own(company.world.deployments, company.clock.now))
        if [state for _, state in row.statuses][-2:] == ["success", "inactive"]
        and row.statuses[-1][0] < company.clock.now
        and row.statuses[-1][0] - row.created < 25 * 86400
    )
    start = datetime.fromtimestamp(row.created - 86400, UTC).isoformat()
    monkeypatch.setenv("SOURCES__GITHUB__START_DATE", start)
    statuses = f"""
        select {second("created_at")}, state from github.deployment_statuses
        where deployment_id = '{row.id}' order by all
    """
    for last in range(len(row.statuses)):
        company.clock.set(row.statuses[last][0])
        home.load("github")
        assert home.rows("github", statuses) == sorted(row.statuses[: last + 1])


def test_g8_commits_that_a_force_push_dropped_stay(
    company: Any, home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pull, dropped = next(
        (pull, commit)
        for pull in reversed(own(company.world.pulls, company.clock.now))
        for commit in pull.commits
        if commit.seen_until and commit.seen_until > max(pull.created, commit.seen_from) + 1
    )
    start = datetime.fromtimestamp(pull.created - 86400, UTC).isoformat()
    monkeypatch.setenv("SOURCES__GITHUB__START_DATE", start)
    shas = f"""
        select sha from github.pull_request_commits where pull_request_id = '{pull.id}'
    """
    company.clock.set(dropped.seen_until - 1)
    home.load("github")
    seen = {sha for (sha,) in home.rows("github", shas)}
    assert dropped.sha in seen
    company.clock.set(dropped.seen_until + 3600)
    home.load("github")
    now = company.clock.now
    assert {sha for (sha,) in home.rows("github", shas)} == {
        commit.sha for commit in pull.commits if commit.seen_from <= now
    }


def test_planted_people_texts_and_branches_are_not_loaded(company: Any, read: Any) -> None:
    text = read.texts("github").lower()
    now = company.clock.now
    planted: set[str] = set()
    for pull in own(company.world.pulls, now):
        planted |= {pull.title, pull.body[:40], pull.branch}
        for person in (pull.author, *(review.author for review in pull.reviews)):
            if not person.is_bot:
                planted |= {person.login, person.name, person.email}
        planted |= {commit.message for commit in pull.commits if " " in commit.message}
    for run in own(company.world.runs, now):
        planted |= {part for part in (run.title, run.branch) if re.search(r"[ /]", part)}
    assert len(planted) > 500
    assert {part for part in planted if part and part.lower() in text} == set()
    assert "@" not in text


def test_a_second_load_of_the_company_reads_no_item_again(company: Any, read: Any) -> None:
    before, last = contents(read), len(company.journal)
    work = read.load("github")
    asked = [path for _, _, path in company.journal[last:]]
    # Rate limit, known events, the repository, six listings.
    assert len(asked) == 9, asked
    assert contents(read) == before
    assert work.windows == 1


def test_a_long_history_is_read_in_windows_and_nothing_twice(
    company: Any, home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_bound(monkeypatch, "github", "MOST_IN_WINDOW", 100)
    set_bound(monkeypatch, "github", "SEARCH_CAP", 60)
    monkeypatch.setenv("SOURCES__GITHUB__START_DATE", "2025-07-01")
    last = len(company.journal)
    work = home.load("github")
    now, start = company.clock.now, int(datetime(2025, 7, 1, tzinfo=UTC).timestamp())
    pulls = [p for p in own(company.world.pulls, now) if max_before(p.moments(), now) >= start]
    runs = [run for run in own(company.world.runs, now) if run.created >= start]
    assert work.windows >= 2
    asked = Counter(path for _, _, path in company.journal[last:])
    items = {path: n for path, n in asked.items() if re.search(r"/(jobs|statuses|\d+)$", path)}
    assert len(items) > 200
    assert max(items.values()) == 1
    # What the first window finished, the others leave alone.
    assert asked[f"/repos/northbank/{REPO}/deployments"] == 1
    assert count(home, "pull_requests") == len(pulls) > 100
    assert count(home, "workflow_runs") == sum(
        attempt.started <= now for run in runs for attempt in run.attempts
    )
    for table, expected in (("pull_requests", pulls), ("workflow_runs", runs)):
        audit = audit_of(work, table, f"northbank/{REPO}")
        assert (audit.status, audit.api_count, audit.extracted) == (
            "complete",
            len(expected),
            len(expected),
        )


def max_before(times: list[int], now: int) -> int:
    return max(at for at in times if at <= now)


def test_t4_a_repository_that_gives_no_answer_fails_alone_and_is_read_by_the_next_load(
    company: Any, home: Any, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    only(monkeypatch, f"northbank/{REPO}", "northbank/payments-web")
    monkeypatch.setenv("SOURCES__GITHUB__START_DATE", "2025-12-01")
    company.faults.add("github", f"{REPO}/actions/runs\\?", 502, times=5)
    work = home.load("github")
    assert audit_of(work, "workflow_runs", f"northbank/{REPO}").status == "failed"
    assert audit_of(work, "pull_requests", f"northbank/{REPO}").status == "complete"
    assert audit_of(work, "workflow_runs", "northbank/payments-web").status == "complete"
    runs = f"select count(*) from github.workflow_runs where repository = 'northbank/{REPO}'"
    assert home.value("github", runs) == 0
    home.load("github")
    since = int(datetime(2025, 12, 1, tzinfo=UTC).timestamp())
    now = company.clock.now
    assert home.value("github", runs) == sum(
        attempt.started <= now
        for run in own(company.world.runs, now)
        if run.created >= since
        for attempt in run.attempts
    )


def test_a_server_that_goes_down_leaves_what_was_loaded(
    company: Any, home: Any, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCES__GITHUB__START_DATE", "2025-12-20")
    home.load("github")
    before = contents(home)
    company.down("github")
    try:
        [audit] = home.load("github").audits
    finally:
        company.up("github")
    assert (audit.object, audit.status) == ("*", "failed")
    assert contents(home) == before


def test_the_repositories_of_an_owner_are_found(
    company: Any, home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(monkeypatch, "northbank/*")
    monkeypatch.setenv("SOURCES__GITHUB__START_DATE", "2025-12-31")
    home.load("github")
    from demo.company import ON_GITHUB

    names = home.rows("github", "select full_name from github.repositories")
    assert {name for (name,) in names} == {f"northbank/{name}" for name in ON_GITHUB}


# a GitHub of which tests script every word


def test_g1_more_runs_in_an_hour_than_a_search_shows_are_all_loaded(hub: Hub, home: Any) -> None:
    start = datetime(2025, 5, 20, 12, tzinfo=UTC)
    for n in range(1500):
        hub.add_run(n + 1, iso(start + timedelta(seconds=n * 2)))
    work = home.load("github")
    audit = audit_of(work, "workflow_runs", hub.name)
    assert (audit.status, audit.api_count, audit.extracted) == ("complete", 1500, 1500)
    ids = {int(run) for (run,) in home.rows("github", "select id from github.workflow_runs")}
    assert ids == set(range(1, 1501))
    assert len(hub.asked("/actions/runs")) < 80


def test_g1b_more_runs_in_one_second_than_a_search_shows_are_a_failure_that_names_it(
    hub: Hub, home: Any
) -> None:
    hub.add_run(1, "2025-05-01T00:00:00Z")
    for n in range(1200):
        hub.add_run(100 + n, "2025-05-20T12:00:07Z")
    hub.add_run(9000, "2025-05-21T00:00:00Z")
    audit = audit_of(home.load("github"), "workflow_runs", hub.name)
    assert audit.status == "incomplete"
    assert "1,200 runs were created at 2025-05-20T12:00:07Z" in audit.message
    found = home.rows("github", "select id from github.workflow_runs order by 1")
    assert found == [("1",), ("9000",)]
    del hub.runs[100:-1]
    assert audit_of(home.load("github"), "workflow_runs", hub.name).status == "complete"
    assert count(home, "workflow_runs") == 101


def test_g1_more_runs_in_one_second_than_a_search_shows_are_read_by_status_and_event(
    hub: Hub, home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_bound(monkeypatch, "github", "SEARCH_CAP", 100)
    second = "2025-05-20T12:00:07Z"
    for n in range(250):
        conclusion = ("failure", "cancelled", "success", "success", "success")[n % 5]
        done = {"status": "completed", "conclusion": conclusion, "updated": second}
        running = {"status": "in_progress", "updated": second}
        run = hub.add_run(100 + n, second, done if n % 11 else running)
        run["event"] = "push" if n % 2 else "schedule"
    audit = audit_of(home.load("github"), "workflow_runs", hub.name)
    assert (audit.status, audit.api_count, audit.extracted) == ("complete", 250, 250)
    assert count(home, "workflow_runs") == 250


def stored_commits(home: Any) -> list[str]:
    return [sha for (sha,) in home.rows("github", "select sha from github.commits order by 1")]


def stored_line(home: Any) -> list[str]:
    return [sha for (sha,) in home.rows("github", "select sha from github.main_lines order by 1")]


def gaps(home: Any) -> list[tuple]:
    """Reason, beginning and end of the gaps in a history, as days."""
    return home.rows(
        "github",
        "select object, scope, reason, timezone('UTC', gap_from)::date::text,"
        " timezone('UTC', gap_to)::date::text from github.history_gaps order by gap_to",
    )


def test_runs_that_github_deleted_before_the_first_load_are_a_gap_and_no_silence(
    hub: Hub, home: Any
) -> None:
    hub.keeps_runs = 90
    for month in (3, 4, 5):
        hub.add_run(month, f"2025-0{month}-20T00:00:00Z")
    home.load("github")
    # 90 days before the first of June.
    gap = ("workflow_runs", "acme/shop", "retention", "2024-01-01", "2025-03-03")
    assert gaps(home) == [gap]
    # The source keeps less and less of it; what was loaded stays, and so does what is known.
    hub.now, hub.runs = datetime(2025, 7, 1, tzinfo=UTC), hub.runs[1:]
    home.load("github")
    assert gaps(home) == [gap]
    assert home.value("github", "select count(*) from github.workflow_runs") == 3
    # To keep them longer brings back none that was deleted.
    hub.keeps_runs = 400
    home.load("github", full=True)
    assert gaps(home) == [gap]


def test_runs_that_github_deleted_while_no_load_ran_are_a_gap(hub: Hub, home: Any) -> None:
    hub.keeps_runs, hub.born = 90, "2025-05-01T00:00:00Z"
    hub.add_run(1, "2025-05-20T00:00:00Z")
    home.load("github")
    assert gaps(home) == [("workflow_runs", "acme/shop", None, None, None)]
    hub.now, hub.runs = datetime(2025, 12, 1, tzinfo=UTC), []
    hub.add_run(2, "2025-11-20T00:00:00Z")
    home.load("github")
    pause = ("workflow_runs", "acme/shop", "pause", "2025-06-01", "2025-09-02")
    assert gaps(home) == [pause, ("workflow_runs", "acme/shop", None, None, None)]
    home.load("github")
    assert len(gaps(home)) == 2


@pytest.mark.parametrize("made", ["2025-05-30T00:00:00Z", "2025-08-20T00:00:00Z"])
def test_a_pause_loses_nothing_where_older_runs_are_still_shown(
    hub: Hub, home: Any, made: str
) -> None:
    hub.keeps_runs, hub.born = 90, "2025-05-01T00:00:00Z"
    home.load("github")
    # Made before the last load, or since then, but long before what would have to be kept.
    hub.now = datetime(2025, 12, 1, tzinfo=UTC)
    hub.add_run(1, made)
    hub.add_run(2, "2025-11-20T00:00:00Z")
    home.load("github")
    assert gaps(home) == [("workflow_runs", "acme/shop", None, None, None)]


@pytest.mark.parametrize(
    ("start", "keeps", "gap"),
    [
        # Nobody tells for how long runs are kept: before the oldest one there may have been some.
        ("", None, ("oldest_shown", "2024-01-01", "2025-02-20")),
        # More is shown than would have to be: it is not deleted to the day.
        ("", 30, ("retention", "2024-01-01", "2025-02-20")),
        ("2025-01-01", 400, ("start_date", "2024-01-01", "2025-01-01")),
        ("2025-01-01", 60, ("retention", "2024-01-01", "2025-02-20")),
        ("", 2000, (None, None, None)),
    ],
)
def test_since_when_runs_are_known(
    hub: Hub, home: Any, monkeypatch: pytest.MonkeyPatch, start: str, keeps: Any, gap: tuple
) -> None:
    monkeypatch.setenv("SOURCES__GITHUB__START_DATE", start)
    hub.keeps_runs = keeps
    hub.add_run(1, "2025-02-20T00:00:00Z")
    home.load("github")
    assert gaps(home) == [("workflow_runs", "acme/shop", *gap)]
    asked = hub.asked("log-retention")
    home.load("github")
    assert hub.asked("log-retention") == asked  # nothing can have been deleted since


def test_a_repository_without_a_run_has_no_gap(hub: Hub, home: Any) -> None:
    home.load("github")
    assert gaps(home) == []


def test_doctor_says_for_how_long_runs_are_kept(hub: Hub, home: Any) -> None:
    said = "acme/shop: for how long runs are kept"
    assert f"{said}: this token cannot see it (administration: read)" in lines(github)
    hub.keeps_runs = 90
    assert f"{said}: 90 days" in lines(github)


def lines(module: Any) -> list[str]:
    """What doctor says of a source, and well of it."""
    return [
        probe.line for probe in module.SOURCE.probes(module.SOURCE.read_settings()) if probe.is_well
    ]


def test_commits_that_come_late_with_old_dates_are_found(hub: Hub, home: Any) -> None:
    for n in range(250):
        at = iso(datetime(2025, 3, 1, tzinfo=UTC) + timedelta(hours=n))
        hub.commit(f"m{n:03}", at, *([f"m{n - 1:03}"] if n else []))
    home.load("github")
    assert len(stored_commits(home)) == len(stored_line(home)) == 250
    # A branch that was begun in January is merged in June, without a pull request.
    for n in range(120):
        at = iso(datetime(2025, 1, 1, tzinfo=UTC) + timedelta(hours=n))
        hub.commit(f"b{n:03}", at, f"b{n - 1:03}" if n else "m000", tip=False)
    hub.commit("merge", "2025-06-01T01:00:00Z", "m249", "b119")
    hub.now += timedelta(hours=3)
    home.load("github")
    assert len(stored_commits(home)) == 250 + 120 + 1
    assert set(stored_line(home)) == {"merge", *(f"m{n:03}" for n in range(250))}
    hub.seen.clear()
    hub.now += timedelta(hours=3)
    home.load("github")
    assert len(hub.asked("/commits")) == 1


def test_a_walk_that_is_stopped_leaves_no_hole(hub: Hub, home: Any, waits: list[float]) -> None:
    for n in range(450):
        at = iso(datetime(2025, 3, 1, tzinfo=UTC) + timedelta(hours=n))
        hub.commit(f"m{n:03}", at, *([f"m{n - 1:03}"] if n else []))
    hub.faults.append(
        lambda path, asked: (502, {}) if "commits" in path and asked.get("after") == "200" else None
    )
    assert audit_of(home.load("github"), "commits", hub.name).status == "failed"
    assert len(stored_commits(home)) == 200 and stored_line(home) == []
    hub.faults.clear()
    hub.commit("new", "2025-06-01T01:00:00Z", "m449")
    hub.now += timedelta(hours=3)
    hub.seen.clear()
    assert audit_of(home.load("github"), "commits", hub.name).status == "complete"
    assert len(stored_commits(home)) == len(stored_line(home)) == 451
    # One page from the tip, and three from where the last load stopped.
    assert len(hub.asked("/commits")) == 4


def test_a_branch_that_was_pushed_by_force_keeps_what_it_dropped(hub: Hub, home: Any) -> None:
    hub.commit("a", "2025-05-01T00:00:00Z")
    hub.commit("b", "2025-05-02T00:00:00Z", "a")
    home.load("github")
    hub.commit("c", "2025-05-03T00:00:00Z", "a")
    del hub.history["b"]
    home.load("github")
    assert stored_commits(home) == ["a", "b", "c"]


def test_what_is_deployed_from_another_branch_is_read_too(hub: Hub, home: Any) -> None:
    hub.commit("a", "2025-05-01T00:00:00Z")
    hub.commit("b", "2025-05-02T00:00:00Z", "a")
    hub.commit("r1", "2025-05-03T00:00:00Z", "a", tip=False)
    hub.commit("r2", "2025-05-04T00:00:00Z", "r1", tip=False)
    hub.deployments += [
        {"id": no, "environment": "production", "sha": sha, "statuses": [],
         "created_at": f"2025-05-0{no}T00:00:00Z", "updated_at": f"2025-05-0{no}T00:00:00Z"}
        for no, sha in enumerate(("b", "r2", "gone"), 5)
    ]  # fmt: skip
    home.load("github")
    assert stored_commits(home) == ["a", "b", "r1", "r2"]
    assert stored_line(home) == ["a", "b"]
    # What nobody has any more is asked for once.
    hub.seen.clear()
    home.load("github")
    assert [asked["sha"] for asked in hub.asked("/commits")] == ["main"]


def test_runs_and_commits_say_what_they_are_of_without_free_text() -> None:
    repo = Repository("7", "acme/shop", "main")
    row = run_row(repo, {
        "id": 1, "name": "Ship it by @jane-doe", "display_title": "jane-doe",
        "path": ".github/workflows/ship.yml@refs/heads/jane-doe", "workflow_id": 5,
    })  # fmt: skip
    assert "jane" not in json.dumps(row, default=str)
    assert row["payload"]["path"] == ".github/workflows/ship.yml"
    titles = {
        "feat: totals (#1)": 1,
        "feat: totals (#12) ": 12,
        "Merge (#1) into main": None,
        'Revert "feat: totals (#1)"': None,
        "a (#1) b (#2)": 2,
        "(#0)": None,
    }
    for title, number in titles.items():
        commit = {"sha": "a", "commit": {"message": f"{title}\n\nSee (#9)"}}
        assert branch_commit_row(repo, commit)["payload"]["pull_request_no"] == number


@pytest.mark.parametrize(
    ("name", "is_transient", "shown"),
    [
        ("production", False, "production"),
        ("shop-eu", False, "shop-eu"),
        ("aws/production", False, "aws/production"),
        ("pr-17", True, "pr-17"),
        ("preview/jane-doe-login", True, "preview/branch-"),
        ("review-jane-doe-login", False, "review/branch-"),
        ("jane-doe-login", True, "transient/branch-"),
        (None, True, None),
    ],
)
def test_an_environment_does_not_tell_the_branch_that_named_it(
    name: Any, is_transient: bool, shown: Any
) -> None:
    told = {"id": 1, "environment": name, "transient_environment": is_transient}
    found = deployment_row(Repository("7", "acme/shop", "main"), told)["environment"]
    assert found == shown or (found.startswith(shown) and "jane" not in found)


def test_commits_before_the_start_date_are_left_out(
    hub: Hub, home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCES__GITHUB__START_DATE", "2025-03-05")
    for n in range(300):
        at = iso(datetime(2025, 3, 1, tzinfo=UTC) + timedelta(hours=n))
        hub.commit(f"m{n:03}", at, *([f"m{n - 1:03}"] if n else []))
    home.load("github")
    assert stored_commits(home) == stored_line(home) == [f"m{n:03}" for n in range(96, 300)]
    hub.seen.clear()
    home.load("github")
    assert len(hub.asked("/commits")) == 1


def test_a_commit_says_nothing_but_what_its_message_is_about(hub: Hub, home: Any) -> None:
    hub.commit(
        "a" * 40,
        "2025-05-01T00:00:00Z",
        message='Revert "PAY-12 otto\'s idea"\n\nThis reverts commit 1234.',
    )
    home.load("github")
    [(payload,)] = home.rows("github", "select payload from github.commits")
    told = json.loads(payload)
    assert (told["is_revert"], told["is_hotfix"], told["issue_keys"]) == (True, False, ["PAY-12"])
    text = home.texts("github")
    assert [name for name in ("mia", "Mia", "otto", "@") if name in text] == []


def test_a_pull_request_has_the_keys_of_its_commits_and_not_their_messages(
    hub: Hub, home: Any
) -> None:
    one, two = commits(2)
    one["commit"]["message"] = "PAY-12 as otto said\n\nSigned-off-by: otto-12 <o@example.com>"
    two["commit"]["message"] = "pay-13, PAY-12"
    hub.add_pull(1, commits=[one, two])
    hub.pulls[-1]["title"] = "PAY-11"
    home.load("github")
    [(payload,)] = home.rows("github", "select payload from github.pull_requests")
    told = json.loads(payload)
    assert (told["issue_keys"], told["typed_keys"]) == (["PAY-11", "PAY-12"], ["PAY-13"])
    assert "otto" not in home.texts("github").lower()


COPILOT = "198982749+Copilot@users.noreply.github.com"


@pytest.mark.parametrize(
    ("author", "trailer", "opener", "word"),
    [
        ({"name": "Mia", "email": "mia@example.com"}, "", "User", "none"),
        ({"name": "Mia"}, f"Co-authored-by: Copilot <{COPILOT}>", "User", "assisted"),
        ({"name": "copilot-swe-agent[bot]", "email": COPILOT}, "", "User", "agent"),
        ({"name": "Mia", "user": {"login": "cursoragent"}}, "", "User", "agent"),
        ({"name": "Mia"}, "", "Bot", "agent"),
    ],
)
def test_a_pull_request_has_one_word_for_what_wrote_its_commits(
    author: dict, trailer: str, opener: str, word: str, hub: Hub, home: Any
) -> None:
    one, two = commits(2)
    one["commit"] |= {"message": "Work\n\nCo-authored-by: Otto <otto@example.com>"}
    two["commit"] |= {"message": f"Work\n\n{trailer}", "author": author}
    login = "devin-ai-integration" if opener == "Bot" else "mia-example"
    hub.add_pull(1, commits=[one, two], author={"__typename": opener, "login": login})
    home.load("github")
    [(payload,)] = home.rows("github", "select payload from github.pull_requests")
    assert json.loads(payload)["ai_assistance"] == word
    text = home.texts("github").lower()
    assert [name for name in ("mia", "otto", "copilot", "devin", "cursor") if name in text] == []


def test_a_commit_that_a_force_push_took_away_and_one_that_was_pushed_have_their_word(
    hub: Hub, home: Any
) -> None:
    [one] = commits(1)
    one["commit"]["message"] = "Work"
    gone = {"oid": "e" * 40, "message": "Work\n\nAssisted-by: Claude Code", "author": None}
    pushed = {"__typename": "HeadRefForcePushedEvent", "beforeCommit": gone}
    hub.add_pull(1, commits=[one], timelineItems=[pushed])
    hub.add_pull(2, commits=commits(1, 7))  # whose message nobody shows
    hub.commit("a" * 40, "2025-05-01T00:00:00Z", message="Work\n\nGenerated-by: Cursor")
    app = {"login": "claude[bot]", "id": 9, "type": "Bot"}
    hub.commit("b" * 40, "2025-05-02T00:00:00Z", "a" * 40, author=app)
    hub.commit("c" * 40, "2025-05-03T00:00:00Z", "b" * 40)
    home.load("github")
    word = "payload->>'$.ai_assistance'"
    pulls = f"select id, {word} from github.pull_requests order by 1"
    assert home.rows("github", pulls) == [("1001", "assisted"), ("1002", "unknown")]
    words = home.rows("github", f"select {word} from github.commits order by sha")
    assert words == [("assisted",), ("agent",), ("none",)]


def test_a_job_keeps_the_labels_of_its_runner(hub: Hub, home: Any) -> None:
    job = {"id": 5, "name": "build", "labels": ["self-hosted", "Big"], "runner_name": "mia-laptop"}
    done = {"status": "completed", "updated": "2025-05-01T00:00:00Z"}
    hub.add_run(1, "2025-05-01T00:00:00Z", {**done, "jobs": [job, {"id": 6, "name": "lint"}]})
    home.load("github")
    labels = "select payload->'$.labels' from github.jobs order by id"
    assert home.rows("github", labels) == [('["self-hosted","Big"]',), ("[]",)]
    assert "mia" not in home.texts("github")


def release(no: int, **facts: Any) -> dict:
    return {
        "id": no,
        "tag_name": f"v1.{no}.0",
        "target_commitish": "main",
        "name": "Mia's best",
        "body": "thanks to otto",
        "draft": False,
        "prerelease": False,
        "created_at": "2025-05-01T00:00:00Z",
        "published_at": "2025-05-02T00:00:00Z",
        "author": {"login": "mia-example", "id": 77, "type": "User"},
        **facts,
    }


def test_environments_and_releases_are_read_again_only_when_they_changed(
    hub: Hub, home: Any
) -> None:
    hub.environments = [
        {
            "id": 5,
            "name": "production",
            "created_at": "2025-01-01T00:00:00Z",
            "updated_at": "2025-01-01T00:00:00Z",
            "protection_rules": [
                {"type": "wait_timer", "wait_timer": 30},
                {"type": "required_reviewers", "reviewers": [{"reviewer": {"login": "mia"}}]},
            ],
        }
    ]
    hub.releases = [release(2, draft=True, published_at=None), release(1, tag_name="mia-1")]
    home.load("github")
    assert hub.unchanged == []
    shown = "select id, published_at is null, payload from github.releases order by id"
    [(one, _, named), (two, is_open, payload)] = home.rows("github", shown)
    assert (one, two, is_open) == ("1", "2", True)
    assert json.loads(named)["tag_name"] is None
    assert json.loads(payload)["tag_name"] == "v1.2.0"
    assert [name for name in ("mia", "Mia", "otto") if name in home.texts("github")] == []
    hub.now += timedelta(hours=1)
    work = home.load("github")
    assert sorted(path.rpartition("/")[2].partition("?")[0] for path in hub.unchanged) == [
        "environments",
        "releases",
    ]
    audit = audit_of(work, "environments", hub.name)
    assert (audit.status, audit.extracted) == ("complete", 0) and "304" in audit.message
    # One changes, and the other is read with it if everything is.
    hub.environments[0]["updated_at"] = "2025-06-01T00:30:00Z"
    hub.unchanged.clear()
    home.load("github")
    assert ["releases" in path for path in hub.unchanged] == [True]
    updated = "select updated_at from github.environments"
    assert home.value("github", updated) == datetime(2025, 6, 1, 0, 30, tzinfo=UTC)
    hub.unchanged.clear()
    home.load("github", full=True)
    assert hub.unchanged == []


def test_a_tag_of_one_page_says_nothing_of_the_others(hub: Hub, home: Any) -> None:
    hub.releases = [release(n) for n in range(150, 0, -1)]
    home.load("github")
    hub.releases[-1]["prerelease"] = True
    hub.now += timedelta(hours=1)
    home.load("github")
    assert not any("releases" in path for path in hub.unchanged)
    [(payload,)] = home.rows("github", "select payload from github.releases where id = '1'")
    assert json.loads(payload)["prerelease"] is True


def test_what_is_not_here_is_asked_for_whatever_its_tag(hub: Hub, home: Any) -> None:
    hub.environments = [{"id": 5, "name": "production", "protection_rules": None}]
    home.load("github")
    with duckdb.connect(str(home.folder / "raw" / "raw_github.duckdb")) as raw:
        raw.execute("delete from github.environments")
    home.load("github")
    assert count(home, "environments") == 1


def test_nothing_is_asked_for_twice(hub: Hub, home: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither in a first load of several windows, nor in the load after it."""
    set_bound(monkeypatch, "github", "MOST_IN_WINDOW", 100)
    set_bound(monkeypatch, "github", "SEARCH_CAP", 60)
    begin = datetime(2025, 1, 1, tzinfo=UTC)
    for n in range(1, 251):
        at = iso(begin + timedelta(hours=3 * n))
        hub.add_pull(n)["updated_at"] = at
        hub.add_issue(1000 + n, at)
        hub.add_run(n, at)
    for _ in range(2):
        hub.seen.clear()
        home.load("github")
        asked = Counter(json.dumps([path, what]) for path, _, what in hub.seen)
        # The clock is read for every window.
        assert {line for line, n in asked.items() if n > 1 and "/rate_limit" not in line} == set()
        hub.now += timedelta(hours=1)
    assert count(home, "pull_requests") == count(home, "issues") == 250
    assert count(home, "workflow_runs") == 250


def test_a_listing_of_runs_that_is_short_leaves_the_watermark(hub: Hub, home: Any) -> None:
    for n in range(5):
        hub.add_run(n + 1, f"2025-03-0{n + 1}T00:00:00Z")
    left_out = [hub.run(run) for run in hub.runs[:4]]

    def short(path: str, asked: Any) -> Any:
        if path.endswith("/actions/runs") and left_out:
            return 200, {"total_count": 5, "workflow_runs": left_out}
        return None

    hub.faults.append(short)
    audit = audit_of(home.load("github"), "workflow_runs", hub.name)
    assert (audit.status, audit.api_count, audit.extracted) == ("incomplete", 5, 4)
    assert "got 4 of 5 runs" in audit.message
    hub.faults.clear()
    # Later than any look-back: only the watermark, which has not moved, finds the fifth.
    hub.now += timedelta(days=90)
    assert audit_of(home.load("github"), "workflow_runs", hub.name).status == "complete"
    assert count(home, "workflow_runs") == 5


def test_g3_an_attempt_that_begins_late_and_ends_later_is_followed_to_its_end(
    hub: Hub, home: Any
) -> None:
    day = datetime(2025, 1, 1, tzinfo=UTC)

    def at(days: int) -> str:
        return iso(day + timedelta(days=days))

    def job(number: int) -> dict:
        return {"id": number, "name": "build", "created_at": at(0), "status": "completed"}

    first = {"status": "completed", "conclusion": "failure", "updated": at(0), "jobs": [job(1)]}
    run = hub.add_run(1, at(0), first)
    hub.now = day + timedelta(days=1)
    home.load("github")
    second = {"status": "in_progress", "updated": at(29), "jobs": [job(2)]}
    run["attempts"].append(second)
    for days in (30, 37):
        hub.now = day + timedelta(days=days)
        home.load("github")
    shown = "select run_attempt, conclusion from github.workflow_runs order by 1"
    assert home.rows("github", shown) == [(1, "failure"), (2, None)]
    second |= {"status": "completed", "conclusion": "success", "updated": at(40)}
    second["jobs"].append(job(3))
    hub.now = day + timedelta(days=90)
    home.load("github")
    assert home.rows("github", shown) == [(1, "failure"), (2, "success")]
    jobs = home.rows("github", "select id, run_attempt from github.jobs order by 1")
    assert jobs == [("1", 1), ("2", 2), ("3", 2)]
    # What has ended is asked for no more: neither by the listing's window nor by id.
    hub.seen.clear()
    hub.now += timedelta(days=1)
    home.load("github")
    assert [path for path, _, _ in hub.seen if "/actions/runs/" in path] == []
    assert len(hub.asked("attempts/1/jobs")) == 0


def test_a_run_that_is_deleted_while_it_is_open_stays_and_is_asked_for_no_more(
    hub: Hub, home: Any
) -> None:
    hub.add_run(1, "2025-01-01T00:00:00Z", {"status": "queued", "updated": "2025-01-01T00:00:00Z"})
    hub.now = datetime(2025, 1, 1, 1, tzinfo=UTC)
    home.load("github")
    hub.now = datetime(2025, 3, 1, tzinfo=UTC)
    home.load("github")
    hub.runs.clear()
    hub.now = datetime(2025, 4, 15, tzinfo=UTC)
    work = home.load("github")
    assert audit_of(work, "workflow_runs", hub.name).deleted == 1
    hub.seen.clear()
    hub.now = datetime(2025, 4, 16, tzinfo=UTC)
    home.load("github")
    assert hub.asked("/actions/runs/1") == []
    assert home.rows("github", "select id, status from github.workflow_runs") == [("1", "queued")]


def test_a_deployment_that_stays_open_is_followed_to_its_end_or_its_disappearance(
    hub: Hub, home: Any
) -> None:
    def status(number: int, state: str, day: str) -> dict:
        return {"id": number, "state": state, "created_at": f"2025-{day}T00:00:00Z"}

    for number in (1, 2):
        hub.deployments.append(
            {
                "id": number,
                "environment": "production",
                "created_at": "2025-01-01T00:00:00Z",
                "updated_at": "2025-01-02T00:00:00Z",
                "statuses": [status(number, "in_progress", "01-02")],
            }
        )
    for month, day in ((1, 3), (3, 1), (3, 2)):
        hub.seen.clear()
        hub.now = datetime(2025, month, day, tzinfo=UTC)
        home.load("github")
    # Out of the listing's window and not changed: it is looked at, its statuses are not.
    assert len(hub.asked("/deployments/1")) == 1
    assert hub.asked("/deployments/1/statuses") == []
    first, second = hub.deployments
    first["updated_at"] = "2025-04-01T00:00:00Z"
    first["statuses"] = [status(3, "success", "04-01"), *first["statuses"]]
    hub.deployments.remove(second)
    hub.now = datetime(2025, 4, 2, tzinfo=UTC)
    work = home.load("github")
    assert audit_of(work, "deployments", hub.name).deleted == 1
    states = "select deployment_id, state from github.deployment_statuses order by all"
    assert home.rows("github", states) == [
        ("1", "in_progress"),
        ("1", "success"),
        ("2", "in_progress"),
    ]
    hub.seen.clear()
    hub.now = datetime(2025, 5, 2, tzinfo=UTC)
    home.load("github")
    assert [path for path, _, _ in hub.seen if "/deployments/" in path] == []


def test_g4_250_jobs_belong_to_their_attempts_and_a_short_list_is_read_again(
    hub: Hub, home: Any
) -> None:
    def jobs(first: int, number: int) -> list[dict]:
        return [{"id": first + n, "name": f"job {n}"} for n in range(number)]

    done = {"status": "completed", "conclusion": "success", "updated": "2025-05-01T00:00:00Z"}
    one, two = {**done, "jobs": jobs(0, 120)}, {**done, "jobs": jobs(1000, 250)}
    hub.add_run(1, "2025-05-01T00:00:00Z", one, two)
    cut = {"total_count": 250, "jobs": two["jobs"][:100]}
    hub.faults.append(lambda path, _: (200, cut) if path.endswith("2/jobs") else None)
    work = home.load("github")
    assert audit_of(work, "jobs", hub.name).status == "incomplete"
    assert "got 100 of 250 jobs of attempt 2 of run 1" in audit_of(work, "jobs", hub.name).message
    # Without its jobs a run is not loaded: nothing would ever read them again.
    assert (count(home, "workflow_runs"), count(home, "jobs")) == (0, 0)
    hub.faults.clear()
    work = home.load("github")
    assert audit_of(work, "jobs", hub.name).api_count == 370
    per_attempt = "select run_attempt, count(*) from github.jobs group by 1 order by 1"
    assert home.rows("github", per_attempt) == [(1, 120), (2, 250)]


def test_jobs_of_a_run_that_is_gone_are_a_verdict_and_the_others_are_loaded(
    hub: Hub, home: Any
) -> None:
    job = {"id": 5, "name": "build"}
    done = {"status": "completed", "updated": "2025-05-01T00:00:00Z", "jobs": [job]}
    hub.add_run(1, "2025-05-01T00:00:00Z", done)
    hub.add_run(2, "2025-05-01T00:00:00Z", {**done, "jobs": []})
    hub.faults.append(lambda path, _: (404, {}) if "runs/2/" in path else None)
    work = home.load("github")
    assert audit_of(work, "jobs", hub.name).rejected == 1
    assert home.rows("github", "select id, run_id from github.jobs") == [("5", "1")]


def test_a_run_whose_jobs_github_fails_on_holds_up_no_other(
    hub: Hub, home: Any, waits: list[float]
) -> None:
    for run_id in range(1, 6):
        jobs = [{"id": 10 + run_id, "name": "build"}]
        at = f"2025-05-0{run_id}T00:00:00Z"
        hub.add_run(run_id, at, {"status": "completed", "updated": at, "jobs": jobs})
    hub.faults.append(lambda path, _: (500, {}) if "runs/2/" in path else None)
    audit = audit_of(home.load("github"), "workflow_runs", hub.name)
    assert audit.status == "incomplete"
    assert "/actions/runs/2/attempts/1/jobs: status 500; the run is read again" in audit.message
    assert home.rows("github", "select id from github.jobs order by 1") == [
        ("11",), ("13",), ("14",), ("15",),
    ]  # fmt: skip
    hub.faults.clear()
    hub.seen.clear()
    assert audit_of(home.load("github"), "workflow_runs", hub.name).status == "complete"
    assert count(home, "workflow_runs") == count(home, "jobs") == 5
    assert len(hub.asked("/jobs")) == 1


def test_g5_a_pull_request_with_350_commits_and_120_reviews_is_complete(
    hub: Hub, home: Any
) -> None:
    hub.add_pull(1, commits=commits(350), reviews=reviews(120))
    hub.add_pull(2, commits=commits(2, first=900))
    work = home.load("github")
    assert audit_of(work, "pull_requests", hub.name).status == "complete"
    found = home.rows(
        "github", "select pull_request_id, count(*) from github.pull_request_commits group by 1"
    )
    assert dict(found) == {"1001": 350, "1002": 2}
    assert count(home, "reviews") == 120
    assert home.value("github", "select max(id) from github.reviews") == "5000000119"


def test_a_pull_request_whose_commits_end_too_early_is_not_loaded_but_read_again(
    hub: Hub, home: Any
) -> None:
    hub.add_pull(1, commits=commits(60))
    hub.add_pull(2, commits=commits(1, first=900))
    whole = hub.graphql

    def short(query: str, variables: dict) -> dict:
        answer = whole(query, variables)
        node = answer.get("data", {}).get("node")
        if node:
            node["commits"]["nodes"] = node["commits"]["nodes"][:10]
        return answer

    hub.graphql = short
    audit = audit_of(home.load("github"), "pull_requests", hub.name)
    assert (audit.status, audit.rejected, audit.extracted) == ("incomplete", 1, 1)
    assert "#1" in audit.message
    assert home.rows("github", "select number from github.pull_requests") == [(2,)]
    hub.graphql = whole
    hub.now += timedelta(days=90)
    assert audit_of(home.load("github"), "pull_requests", hub.name).status == "complete"
    assert count(home, "pull_request_commits") == 61
    hub.seen.clear()
    home.load("github")
    assert hub.asked("/pulls/1") == []


def test_pull_requests_that_no_listing_showed_are_found_within_a_week(hub: Hub, home: Any) -> None:
    hub.now = datetime(2025, 6, 1, tzinfo=UTC)
    for number in (1, 2, 3):
        hub.add_pull(number, commits=commits(1, first=number * 10))
    home.load("github")
    # One that comes with an old date, and one whose change moved no date of the listing.
    old = {"updatedAt": "2024-01-01T00:00:00Z", "commits": commits(1, first=90)}
    hub.add_pull(4, **old)["updated_at"] = "2024-01-01T00:00:00Z"
    hub.pulls[0]["whole"] |= {"updatedAt": "2025-05-20T00:00:00Z", "state": "CLOSED"}
    for day in (2, 7):
        hub.now = datetime(2025, 6, day, tzinfo=UTC)
        hub.seen.clear()
        home.load("github")
        assert not [body for body in hub.asked("/graphql") if "pullRequests(" in str(body)]
    assert count(home, "pull_requests") == 3
    hub.now = datetime(2025, 6, 8, tzinfo=UTC)
    hub.seen.clear()
    audit = audit_of(home.load("github"), "pull_requests", hub.name)
    assert (audit.status, audit.extracted) == ("complete", 2)
    states = "select number, state from github.pull_requests order by 1"
    assert home.rows("github", states) == [(1, "closed"), (2, "open"), (3, "open"), (4, "open")]
    read = [body["variables"]["ids"] for body in hub.asked("/graphql") if "ids" in str(body)]
    assert sorted(node_id for ids in read for node_id in ids) == ["PR_1", "PR_4"]
    hub.now = datetime(2025, 6, 16, tzinfo=UTC)
    del hub.pulls[2]
    audit = audit_of(home.load("github"), "pull_requests", hub.name)
    assert (audit.status, audit.extracted) == ("complete", 0)
    assert audit.message == "pull requests that GitHub shows no more, and that stay: 1"
    assert count(home, "pull_requests") == 4


def test_a_census_of_pull_requests_that_is_short_is_an_incomplete_read(hub: Hub, home: Any) -> None:
    hub.now = datetime(2025, 6, 1, tzinfo=UTC)
    hub.add_pull(1, commits=commits(1))
    home.load("github")
    hub.now = datetime(2025, 6, 9, tzinfo=UTC)
    whole = hub.graphql

    def short(query: str, variables: dict) -> dict:
        answer = whole(query, variables)
        if "pullRequests(" in query:
            answer["data"]["node"]["pullRequests"]["totalCount"] = 5
        return answer

    hub.graphql = short
    audit = audit_of(home.load("github"), "pull_requests", hub.name)
    assert audit.status == "incomplete"
    assert audit.message == "github: the census lists 1 of 5 pull requests"
    hub.graphql = whole
    assert audit_of(home.load("github"), "pull_requests", hub.name).status == "complete"


def test_a_pull_request_that_github_always_fails_on_holds_up_no_other(
    hub: Hub, home: Any, waits: list[float]
) -> None:
    for number in range(1, 61):
        hub.add_pull(number, commits=commits(1, first=number * 10))
    whole, broken = hub.graphql, {"PR_7"}

    def failing(query: str, variables: dict) -> dict:
        if broken & set(variables.get("ids", ())):
            return {"data": None, "errors": [{"message": "Something went wrong"}]}
        return whole(query, variables)

    hub.graphql = failing
    audit = audit_of(home.load("github"), "pull_requests", hub.name)
    assert (audit.status, audit.rejected) == ("incomplete", 1)
    assert audit.message == "incomplete answer, to be read again: #7"
    assert count(home, "pull_requests") == 59
    # Only around the broken one are pages small.
    assert len([body for body in hub.asked("/graphql") if "ids" in str(body)]) < 40
    broken.clear()
    audit = audit_of(home.load("github"), "pull_requests", hub.name)
    assert audit.status == "complete"
    assert count(home, "pull_requests") == 60


def test_a_pull_request_whose_reviews_github_fails_on_holds_up_no_other(
    hub: Hub, home: Any, waits: list[float]
) -> None:
    hub.add_pull(1, reviews=reviews(120))
    hub.add_pull(2, reviews=reviews(3))
    whole, broken = hub.graphql, {"PR_1"}
    hub.graphql = lambda query, variables: (
        {"data": None, "errors": [{"message": "Something went wrong"}]}
        if variables.get("id") in broken
        else whole(query, variables)
    )
    audit = audit_of(home.load("github"), "pull_requests", hub.name)
    assert (audit.status, audit.message) == (
        "incomplete",
        "incomplete answer, to be read again: #1",
    )
    assert (count(home, "pull_requests"), count(home, "reviews")) == (1, 3)
    broken.clear()
    home.load("github")
    assert (count(home, "pull_requests"), count(home, "reviews")) == (2, 120)


def test_when_github_fails_on_every_pull_request_few_are_tried(
    hub: Hub, home: Any, waits: list[float]
) -> None:
    for number in range(1, 61):
        hub.add_pull(number, commits=commits(1, first=number * 10))
    whole = hub.graphql
    hub.graphql = lambda query, variables: (
        {"data": None, "errors": [{"message": "Something went wrong"}]}
        if "ids" in variables
        else whole(query, variables)
    )
    assert audit_of(home.load("github"), "pull_requests", hub.name).status == "failed"
    assert len([body for body in hub.asked("/graphql") if "ids" in str(body)]) < 80
    hub.graphql = whole
    assert audit_of(home.load("github"), "pull_requests", hub.name).status == "complete"
    assert count(home, "pull_requests") == 60


def test_t5_null_nodes_are_asked_again_and_a_missing_node_is_a_verdict(hub: Hub, home: Any) -> None:
    for number in range(1, 4):
        hub.add_pull(number, commits=commits(1, first=number))
    hub.pulls[2]["whole"] = None
    broken = {
        "data": {"nodes": [{"__typename": "PullRequest", "state": "CLOSED"}, None, None]},
        "errors": [{"message": "Something went wrong", "path": ["nodes", 1]}],
    }
    left = [broken, {"data": {"nodes": [None, None, None]}}, {"data": None}]

    def fault(path: str, body: Any) -> Any:
        is_whole = path == "/graphql" and "nodes(ids" in body["query"]
        return (200, left.pop()) if is_whole and left else None

    hub.faults.append(fault)
    audit = audit_of(home.load("github"), "pull_requests", hub.name)
    assert (audit.status, audit.rejected, audit.extracted) == ("incomplete", 1, 2)
    found = home.rows("github", "select number, state from github.pull_requests order by 1")
    assert found == [(1, "open"), (2, "open")]


def test_g9_after_a_rename_every_row_carries_the_new_name(hub: Hub, home: Any) -> None:
    hub.add_pull(1, commits=commits(1))
    hub.add_run(1, "2025-01-01T00:00:00Z")
    home.load("github")
    hub.name = "acme/store"
    home.load("github")
    for table, column in (
        ("repositories", "full_name"),
        ("pull_requests", "repository"),
        ("pull_request_commits", "repository"),
        ("workflow_runs", "repository"),
    ):
        sql = f"select {column} from github.{table}"
        assert home.rows("github", sql) == [("acme/store",)], table


def test_g10_links_are_followed_and_pages_never_counted(hub: Hub, home: Any) -> None:
    for number in range(1, 251):
        hub.add_pull(number, commits=commits(1, first=number))
    home.load("github")
    assert count(home, "pull_requests") == 250
    assert [asked.get("after") for asked in hub.asked("/pulls")] == [None, "100", "200"]
    # G12: nothing is asked with `since`, whose epoch finds nothing.
    assert [what for _, _, what in hub.seen if "page" in what or "since" in what] == []


def test_t6_a_link_that_comes_back_is_an_incomplete_read(hub: Hub, home: Any) -> None:
    hub.add_run(1, "2025-01-01T00:00:00Z")
    page = hub.page

    def looped(target: str, *rest: Any) -> Any:
        status, body, link = page(target, *rest)
        if urlsplit(target).path.endswith("/pulls"):
            link = f'<{hub.root}/repos/{hub.name}/pulls?after=0>; rel="next"'
        return status, body, link

    hub.page = looped
    work = home.load("github")
    assert audit_of(work, "pull_requests", hub.name).status == "incomplete"
    assert "pagination loop" in audit_of(work, "pull_requests", hub.name).message
    assert audit_of(work, "workflow_runs", hub.name).status == "complete"
    assert len(hub.asked("/pulls")) == 2


def test_g11_an_enterprise_server_without_limits_and_newer_events_is_read(
    hub: Hub, home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.enterprise = True
    hub.events = ["CLOSED_EVENT", "MERGED_EVENT", "REOPENED_EVENT"]
    monkeypatch.setenv("SOURCES__GITHUB__BASE_URL", hub.url)
    event = {"__typename": "MergedEvent", "createdAt": "2025-05-03T00:00:00Z", "actor": None}
    hub.add_pull(1, commits=commits(1), timelineItems=[event])
    hub.add_run(1, "2025-05-01T00:00:00Z")
    github.SOURCE.checked_settings()
    work = home.load("github")
    assert {audit.status for audit in work.audits} == {"complete"}
    types = "select payload->>'$.events[0].type' from github.pull_requests"
    assert home.value("github", types) == "merged"
    assert count(home, "workflow_runs") == 1


@pytest.fixture(scope="module")
def app_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def app(hub: Hub, app_key: rsa.RSAPrivateKey, monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """The hub knows an app; its tokens live an hour of the hub's time. Returns when they expire."""
    pem = app_key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    ).decode()
    monkeypatch.delenv("SOURCES__GITHUB__TOKEN")
    monkeypatch.setenv("SOURCES__GITHUB__APP_ID", "4711")
    monkeypatch.setenv("SOURCES__GITHUB__INSTALLATION_ID", "42")
    monkeypatch.setenv("SOURCES__GITHUB__PRIVATE_KEY", pem.replace("\n", "\\n"))
    expiries: list[datetime] = []

    def mint(authorization: str) -> tuple[int, Any]:
        head, claims, signature = authorization.removeprefix("Bearer ").split(".")
        app_key.public_key().verify(
            unbase64(signature), f"{head}.{claims}".encode(), padding.PKCS1v15(), hashes.SHA256()
        )
        said = json.loads(unbase64(claims))
        assert json.loads(unbase64(head))["alg"] == "RS256"
        assert said["iss"] == "4711"
        assert said["iat"] < time.time() < said["exp"] <= said["iat"] + 600
        expiries.append(hub.now + timedelta(hours=1))
        token = f"minted-{len(expiries) - 1}"
        return 201, {"token": token, "expires_at": iso(expiries[-1])}

    def is_allowed(authorization: str) -> bool:
        found = re.fullmatch(r"Bearer minted-(\d+)", authorization)
        return bool(found) and hub.now < expiries[int(found[1])]

    hub.mint, hub.is_allowed = mint, is_allowed
    hub.faults.append(
        lambda path, _: (
            (200, {"total_count": 1, "repositories": [hub.repository]})
            if path == "/installation/repositories"
            else None
        )
    )
    return expiries


def unbase64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_t1_a_token_that_expires_between_pages_is_minted_once_and_no_row_is_lost(
    hub: Hub, home: Any, app: list[datetime]
) -> None:
    for number in range(1, 251):
        hub.add_pull(number, commits=commits(1, first=number))
    page = hub.page

    def slow(target: str, *rest: Any) -> Any:
        if urlsplit(target).path.endswith("/pulls") and "after" not in target:
            hub.now += timedelta(minutes=90)
        return page(target, *rest)

    hub.page = slow
    work = home.load("github")
    assert len(app) == 2
    assert count(home, "pull_requests") == 250
    assert [asked.get("after") for asked in hub.asked("/pulls")] == [None, "100", "100", "200"]
    assert {audit.status for audit in work.audits} == {"complete"}
    assert "minted-" not in home.texts("github")


def test_t1_a_token_is_minted_before_it_expires(
    hub: Hub, app: list[datetime], monkeypatch: pytest.MonkeyPatch
) -> None:
    api = connect(github.SOURCE.read_settings())
    began = time.monotonic()
    for minutes, minted in ((0, 1), (54, 1), (56, 2), (100, 2)):
        monkeypatch.setattr(time, "monotonic", lambda m=minutes: began + m * 60)
        api.get("/rate_limit")
        assert len(app) == minted


def test_t1_threads_that_are_refused_together_mint_one_token(hub: Hub, app: list[datetime]) -> None:
    api = connect(github.SOURCE.read_settings())
    barrier = threading.Barrier(4)

    def ask(_: int) -> int:
        api.get("/rate_limit")
        barrier.wait(10)
        hub.now = datetime(2025, 6, 1, 2, tzinfo=UTC)
        barrier.wait(10)
        return api.get("/rate_limit").status

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(ask, range(4))) == [200] * 4
    assert len(app) == 2


def test_t1b_an_app_that_is_refused_is_named_by_its_setting(
    hub: Hub, home: Any, app: list[datetime]
) -> None:
    for status, setting in ((401, "PRIVATE_KEY"), (404, "INSTALLATION_ID")):
        hub.mint = lambda authorization, status=status: (status, {"message": "no"})
        assert f"SOURCES__GITHUB__{setting}" in home.why_not("github")
    hub.mint = lambda authorization: (201, {"token": "refused", "expires_at": iso(hub.now)})
    with pytest.raises(Unauthorized, match="SOURCES__GITHUB__PRIVATE_KEY") as refused:
        github.SOURCE.checked_settings()
    assert "BEGIN" not in str(refused.value)


def test_t3_threads_that_wait_together_use_the_runs_time_once(hub: Hub) -> None:
    waiting = threading.Barrier(4)
    api = Api(
        "github",
        hub.url,
        credential="X",
        authorize=lambda renew: {"Authorization": "x"},
        sleep=lambda seconds: waiting.wait(10) and None,
    )
    throttled = set()
    sent = threading.Barrier(4)

    def fault(path: str, _: Any) -> Any:
        if path in throttled:
            return None
        throttled.add(path)
        if path != "/x":
            sent.wait(10)  # all four are on their way before the first is told to wait
        return 403, {"message": "You have exceeded a secondary rate limit"}

    hub.faults.append(fault)
    with ThreadPoolExecutor(4) as pool:
        replies = list(pool.map(lambda n: api.get(f"/x{n}", allow=(404,)), range(4)))
    assert [reply.status for reply in replies] == [404] * 4
    assert 60 <= api.waited_s < 80
    throttled.clear()
    api.waited_s = http.RUN_BUDGET_S - 30
    with pytest.raises(WaitBudgetExceeded):
        api.get("/x")


# settings, and what texts say


def test_settings_that_are_missing_or_wrong_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCES__GITHUB__BASE_URL", "https://api.github.com")
    with pytest.raises(SettingFault, match="SOURCES__GITHUB__TOKEN is not set"):
        github.SOURCE.checked_settings()
    monkeypatch.setenv("SOURCES__GITHUB__APP_ID", "1")
    monkeypatch.setenv("SOURCES__GITHUB__PRIVATE_KEY", "secret-value")
    monkeypatch.setenv("SOURCES__GITHUB__REPOSITORIES", '["just-a-name"]')
    monkeypatch.setenv("SOURCES__GITHUB__START_DATE", "yesterday")
    with pytest.raises(SettingFault) as fault:
        github.SOURCE.checked_settings()
    assert {line.split()[0] for line in str(fault.value).splitlines()} == {
        f"SOURCES__GITHUB__{name}"
        for name in ("INSTALLATION_ID", "PRIVATE_KEY", "REPOSITORIES", "START_DATE")
    }
    assert "secret-value" not in str(fault.value)


def test_graphql_lies_beside_the_rest_root() -> None:
    assert graphql_url("https://api.github.com/") == "https://api.github.com/graphql"
    assert graphql_url("https://ghe.example.com/api/v3") == ("https://ghe.example.com/api/graphql")


@pytest.mark.parametrize(
    ("pull", "expected"),
    [
        ({"title": "PAY-12 Add it"}, (False, False, ["PAY-12"])),
        ({"title": 'Revert "PAY-12 Add it"'}, (True, False, ["PAY-12"])),
        ({"title": "revert: add it"}, (True, False, [])),
        ({"title": "Reverting is hard"}, (False, False, [])),
        ({"head": {"ref": "revert-205-PAY-365-fix"}}, (True, False, ["PAY-365"])),
        ({"body": "This reverts commit 1234abc."}, (True, False, [])),
        ({"body": "Reverts acme/shop#12"}, (True, False, [])),
        ({"head": {"ref": "hotfix/PAY_2-7-it"}}, (False, True, ["PAY_2-7"])),
        ({"labels": [{"name": "Hot Fix"}, None]}, (False, True, [])),
        (
            {"title": "b PAY-2, PAY-1", "head": {"ref": "mia/PAY-1"}, "body": "xPAY-3 PAY-4b"},
            (False, False, ["PAY-1", "PAY-2"]),
        ),
        ({"title": None, "head": None, "body": None, "labels": None}, (False, False, [])),
    ],
)
def test_texts_are_read_for_keys_reverts_and_hotfixes(pull: dict, expected: tuple) -> None:
    said = derived(pull)
    assert (said["is_revert"], said["is_hotfix"], said["issue_keys"]) == expected


@pytest.mark.parametrize(
    ("name", "default", "kept"),
    [
        ("main", None, True),
        ("mia-trunk", "mia-trunk", True),
        ("release/2.4", "main", True),
        ("release-v1.2.x", "main", True),
        ("1_2_X", "master", True),
        ("mia/PAY-1-add", "main", False),
        ("release/mia", "main", False),
        (None, "main", False),
    ],
)
def test_a_target_branch_is_kept_where_many_share_it(
    name: str | None, default: str | None, kept: bool
) -> None:
    assert base_branch(name, default) == (name if kept else None)


def test_bots_are_known_by_either_api_and_people_have_one_key() -> None:
    rest = rest_person({"id": 5, "login": "dependabot[bot]", "type": "Bot"})
    graph = graphql_person({"__typename": "Bot", "login": "dependabot", "databaseId": 5})
    assert rest == graph
    assert rest["actor_type"] == "bot"
    mia = {"id": 6, "login": "mia", "type": "User"}
    assert rest_person(mia)["actor_type"] == "human"
    assert rest_person(None) is None
    # A renamed account stays the same person.
    assert rest_person(mia) == rest_person({**mia, "login": "maria"})

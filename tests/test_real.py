"""The whole job against recorded real data, served over the sources' own APIs."""

import json
import lzma
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

SHARED = Path(__file__).parents[2] / "shared"
FLOWHOUSE = Path(sys.executable).with_name("flowhouse")
NOW = "2026-03-01T00:00:00Z"

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(
        not (SHARED / "replay" / "serve.py").exists(),
        reason=f"the recorded data are not there: {SHARED}",
    ),
]


class Replay:
    """The replay server in a process of its own, and what its control API says."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, SHARED / "replay" / "serve.py", "--port", "0", "--now", NOW],
            stdout=subprocess.PIPE,
            text=True,
        )
        for line in self.process.stdout:
            if line.startswith("http://"):
                self.url = line.split()[0]
                break

    def control(self, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(
            f"{self.url}/_control/{path}",
            data=None if body is None else json.dumps(body).encode(),
        )
        with urllib.request.urlopen(request) as reply:
            return json.load(reply)

    @property
    def settings(self) -> dict[str, str]:
        return {
            "FLOWHOUSE_AS_OF": NOW,
            "FLOWHOUSE_PSEUDONYM_KEY": "a test's key",
            "SOURCES__JIRA__BASE_URL": f"{self.url}/jira",
            "SOURCES__JIRA__EMAIL": "someone@example.com",
            "SOURCES__JIRA__API_TOKEN": "replay-token",
            "SOURCES__GITHUB__BASE_URL": f"{self.url}/github",
            "SOURCES__GITHUB__TOKEN": "replay-token",
            "SOURCES__JENKINS__BASE_URL": f"{self.url}/jenkins",
            "SOURCES__JENKINS__USER": "replay",
            "SOURCES__JENKINS__API_TOKEN": "replay-token",
            "SOURCES__GITLAB__BASE_URL": f"{self.url}/gitlab",
            "SOURCES__GITLAB__TOKEN": "replay-token",
            "SOURCES__SERVICENOW__BASE_URL": f"{self.url}/servicenow",
            "SOURCES__SERVICENOW__USER": "replay",
            "SOURCES__SERVICENOW__PASSWORD": "replay-token",
        }


@pytest.fixture(scope="module")
def replay() -> Iterator[Replay]:
    replay = Replay()
    yield replay
    replay.process.terminate()
    replay.process.wait(10)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, replay: Replay) -> Path:
    home = tmp_path_factory.mktemp("real")
    done = refresh(home, replay)
    assert done.returncode == 0, done.stderr[-4000:]
    return home


def refresh(home: Path, replay: Replay) -> subprocess.CompletedProcess:
    return subprocess.run(
        [FLOWHOUSE, "refresh"],
        env={**os.environ, "FLOWHOUSE_HOME": str(home), **replay.settings},
        capture_output=True,
        text=True,
        check=False,
    )


def raw(home: Path, source: str, sql: str) -> Any:
    with duckdb.connect(str(home / "raw" / f"raw_{source}.duckdb"), read_only=True) as warehouse:
        return warehouse.execute(sql).fetchone()[0]


def published(home: Path, sql: str) -> list[tuple]:
    link = home / "published" / "warehouse.duckdb"
    with duckdb.connect(str(link), read_only=True) as warehouse:
        return warehouse.execute(sql).fetchall()


def jobs_of_listed_runs() -> int:
    """Jobs whose run was recorded: the API lists jobs by run, so no other job can be found.

    One job (tt-lens) was recorded twice under one id.
    """
    found = set()
    for folder in (SHARED / "data" / "github").glob("*/*"):
        rows = {}
        for kind in ("runs", "jobs"):
            for path in folder.glob(f"{kind}.ndjson*"):
                rows[kind] = [json.loads(line) for line in _lines(path)]
        listed = {run["id"] for run in rows.get("runs", [])}
        found |= {job["id"] for job in rows.get("jobs", []) if job["run_id"] in listed}
    return len(found)


def _lines(path: Path) -> list[str]:
    content = path.read_bytes()
    text = (lzma.decompress(content) if path.suffix == ".xz" else content).decode()
    return [line for line in text.splitlines() if line]


def test_everything_that_the_replay_holds_is_in_the_raw_tables(home: Path, replay: Replay) -> None:
    counts = replay.control("counts")["counts"]
    found = {
        "issues": raw(home, "jira", "select count(*) from jira.issues"),
        "histories": raw(home, "jira", "select count(*) from jira.histories"),
        "items": raw(home, "jira", "select sum(item_count) from jira.histories"),
        "incidents": raw(home, "servicenow", "select count(*) from servicenow.incidents"),
        "audits": raw(home, "servicenow", "select count(*) from servicenow.audits"),
        "pulls": raw(home, "github", "select count(*) from github.pull_requests"),
        "runs": raw(home, "github", "select count(*) from github.workflow_runs"),
        "jobs": raw(home, "github", "select count(*) from github.jobs"),
        "deployments": raw(home, "github", "select count(*) from github.deployments"),
        "builds": raw(home, "jenkins", "select count(*) from jenkins.builds"),
        "stages": raw(home, "jenkins", "select count(*) from jenkins.stages"),
        **{
            f"gitlab {table}": raw(home, "gitlab", f"select count(*) from gitlab.{table}")
            for table in counts["gitlab"]
        },
    }
    assert found == {
        "issues": counts["jira"]["issues"],
        "histories": counts["jira"]["histories"],
        "items": counts["jira"]["items"],
        "incidents": counts["servicenow"]["incident"],
        "audits": counts["servicenow"]["sys_audit"],
        "pulls": counts["github"]["pulls"],
        "runs": counts["github"]["runs"],
        "jobs": jobs_of_listed_runs(),
        "deployments": counts["github"]["deployments"],
        "builds": counts["jenkins"]["builds"],
        "stages": counts["jenkins"]["stages"],
        **{f"gitlab {table}": count for table, count in counts["gitlab"].items()},
    }


def test_every_status_change_is_a_transition(home: Path, replay: Replay) -> None:
    changes = replay.control("counts")["counts"]["jira"]["status_changes"]
    [(found,)] = published(
        home,
        """
        select count(*) from marts.fct_status_transitions
        where work_item_key like 'jira:%' and not is_synthetic
        """,
    )
    assert found == changes


def test_no_item_is_dropped_between_raw_and_facts(home: Path, replay: Replay) -> None:
    counts = replay.control("counts")["counts"]
    found = dict(
        published(
            home,
            """
            select split_part(work_item_key, ':', 1) || ':' || split_part(work_item_key, ':', 2)
                as kind, count(*)
            from marts.fct_work_item_flows
            where work_item_key not like 'jira:%'
            group by 1
            union all
            select 'jira', count(*) from marts.fct_work_item_flows
            where work_item_key like 'jira:%'
            """,
        )
    )
    assert found["jira"] == counts["jira"]["issues"]
    assert found["servicenow:incident"] == counts["servicenow"]["incident"]
    assert found["github:pr"] == counts["github"]["pulls"]
    assert found["gitlab:mr"] == counts["gitlab"]["merge_requests"]
    assert found["gitlab:issue"] == counts["gitlab"]["issues"]


def test_no_run_job_or_deployment_of_gitlab_is_dropped(home: Path, replay: Replay) -> None:
    counts = replay.control("counts")["counts"]["gitlab"]
    for table, expected in (
        ("fct_ci_runs", counts["pipelines"]),
        ("fct_ci_jobs", counts["jobs"] + counts["bridges"]),
        ("fct_deployments", counts["deployments"]),
    ):
        sql = f"select count(*) from marts.{table} where source_system = 'gitlab'"
        assert published(home, sql) == [(expected,)], table
    sql = "select count(*) from marts.fct_changes where change_key like 'gitlab:mr:%'"
    assert published(home, sql) == [(counts["merge_requests"],)]


def test_every_item_has_gap_free_visits(home: Path) -> None:
    assert (
        published(
            home,
            """
            with visits as (
                select
                    work_item_key, visit_seq, entered_at, exited_at, is_open,
                    lead(entered_at) over (partition by work_item_key order by visit_seq) as next_at
                from marts.fct_stage_visits
            )
            select work_item_key, visit_seq from visits
            where exited_at is distinct from next_at
            """,
        )
        == []
    )
    assert (
        published(
            home,
            """
            select work_item_key from marts.fct_work_item_flows
            where work_item_key not in (select work_item_key from marts.fct_stage_visits)
            """,
        )
        == []
    )


def test_nobody_is_named(home: Path) -> None:
    names = set()
    for path in (SHARED / "data").rglob("users.ndjson"):
        for line in _lines(path):
            user = json.loads(line)
            if user.get("type") != "Bot" and user.get("login"):
                names.add(user["login"])
    assert names
    for source in ("jira", "github", "jenkins", "gitlab", "servicenow"):
        path = home / "raw" / f"raw_{source}.duckdb"
        with duckdb.connect(str(path), read_only=True) as warehouse:
            for (table,) in warehouse.execute(
                "select table_name from information_schema.tables where table_schema = ?", [source]
            ).fetchall():
                text = warehouse.execute(
                    f"select string_agg(cast(t as varchar), ' ') from {source}.{table} as t"
                ).fetchone()[0]
                text = text or ""
                assert "@" not in text, (source, table)
                if source == "github" and not table.startswith("_"):
                    found = {name for name in names if name.startswith("user-") and name in text}
                    # The owner of a repository is part of its name.
                    assert found <= {"user-c6b5111d"}, table


def test_a_second_refresh_without_changes_loads_nothing_new(home: Path, replay: Replay) -> None:
    tables = {
        "jira": ("issues", "histories"),
        "github": ("pull_requests", "workflow_runs", "jobs", "deployments", "deployment_statuses"),
        "jenkins": ("builds", "stages"),
        "gitlab": ("pipelines", "jobs", "deployments", "merge_requests", "issues"),
        "servicenow": ("incidents", "audits"),
    }

    def rows() -> dict[tuple[str, str], str]:
        return {
            (source, table): raw(
                home,
                source,
                f"select md5(string_agg(payload, '|' order by payload)) from {source}.{table}",
            )
            for source, names in tables.items()
            for table in names
        }

    everything = "select * from marts.fct_stage_visits order by work_item_key, visit_seq"
    before, visits = rows(), published(home, everything)
    last = replay.control("journal?limit=1")["total"]
    done = refresh(home, replay)
    assert done.returncode == 0, done.stderr[-4000:]
    assert rows() == before
    assert published(home, everything) == visits
    asked = replay.control(f"journal?after={last}")["requests"]
    bodies = [r for r in asked if r["path"].endswith(("issue/bulkfetch", "changelog/bulkfetch"))]
    assert bodies == []
    assert len(asked) < 150, f"{len(asked)} requests for nothing new"

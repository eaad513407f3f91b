"""The whole job against recorded real data, served over the sources' own APIs."""

import base64
import json
import lzma
import os
import re
import shutil
import subprocess
import sys
import urllib.request
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from extract.load import load

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
    replay.process.kill()
    replay.process.wait()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, parsed: Path, replay: Replay) -> Path:
    home = tmp_path_factory.mktemp("real")
    shutil.copytree(parsed, home / "dbt")
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
    return [line for line in text.split("\n") if line]


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
    # GitHub counts 18 pull requests of ants among its 59 issues.
    assert found["github:issue"] == counts["github"]["issues"] - 18
    assert found["gitlab:mr"] == counts["gitlab"]["merge_requests"]
    assert found["gitlab:issue"] == counts["gitlab"]["issues"]


def moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def test_forecasts_held_about_as_often_as_they_said_in_the_recorded_years(home: Path) -> None:
    """Of lines with twenty months that are forecast, no day twice.

    The groups of the service desk have six and fewer, the same months all of them, and their record
    fades out: of incidents that were opened after May 2016 it has 22. So they are shown only.
    """
    found = published(
        home,
        """
        select value_stream_key, workflow, level, hits, n
        from metrics.metric_forecast_calibration where percentile = 85 order by n desc, 1
        """,
    )
    print()
    for stream, workflow, level, hits, n in found:
        print(f"P85 of {stream} {workflow} {level}: {hits} of {n} held")
    lines = [row for row in found if row[4] >= 20]
    hits, n = sum(row[3] for row in lines), sum(row[4] for row in lines)
    print(f"P85 of {len(lines)} lines: {hits} of {n} held")
    assert len(lines) == 4 and n > 150
    assert 0.75 <= hits / n <= 0.95


def test_commits_outside_of_pull_requests_are_changes_of_their_own(home: Path) -> None:
    """A straightforward reading of the recorded histories.

    Five commits of alloy are copies of what a pull request had brought less than a minute before.
    """
    expected = {}
    for folder in (SHARED / "data" / "github").glob("*/*"):
        rows = {
            kind: [
                json.loads(line) for path in folder.glob(f"{kind}.ndjson*") for line in _lines(path)
            ]
            for kind in ("commits", "pulls", "pull_commits")
        }
        commits = {row["sha"]: row for row in rows["commits"]}
        parents = {row["sha"]: row["parents"] for row in rows["commits"]}
        merges = {row["number"]: row["merged_at"] for row in rows["pulls"] if row["merged_at"]}
        written = {
            (commits[sha]["author"]["date"], merges[row["number"]])
            for row in rows["pull_commits"]
            for sha in row["shas"]
            if sha in commits and row["number"] in merges
        }
        merged = {row.get("merge_commit_sha") for row in rows["pulls"]}
        reviewed = {sha for row in rows["pull_commits"] for sha in row["shas"]}
        sha, found = json.loads((folder / "repo.json").read_text()).get("default_head"), 0
        while sha in parents:
            brought = {sha, *parents[sha][1:2]} & reviewed
            copied = any(
                at == commits[sha]["author"]["date"]
                and abs(moment(merged_at) - moment(commits[sha]["committer"]["date"])) <= 60
                for at, merged_at in written
            )
            found += sha not in merged and not brought and not copied
            sha = parents[sha][0] if parents[sha] else None
        if found:
            expected[f"{folder.parent.name}/{folder.name}"] = found
    assert sum(expected.values()) > 2000
    sql = "select repository, count(*) from marts.fct_changes where kind = 'commit' group by 1"
    assert dict(published(home, sql)) == expected


def recorded(folder: Path, kind: str) -> list[dict]:
    """Return the recorded rows of one kind of a repository."""
    return [json.loads(line) for path in folder.glob(f"{kind}.ndjson*") for line in _lines(path)]


def test_the_runs_of_pull_requests_are_those_of_their_merge_commits(home: Path) -> None:
    """A pull request is built when a recorded run of its merge commit passed."""
    expected = set()
    for folder in (SHARED / "data" / "github").glob("*/*"):
        passed = {
            run["head_sha"] for run in recorded(folder, "runs") if run["conclusion"] == "success"
        }
        expected |= {
            f"github:pr:{pull['id']}"
            for pull in recorded(folder, "pulls")
            if pull["merged_at"] and pull["merge_commit_sha"] in passed
        }
    assert len(expected) >= 10
    sql = """
        select work_item_key from marts.fct_traces
        where built_at is not null and work_item_key like 'github:pr:%'
    """
    assert {key for (key,) in published(home, sql)} == expected


def test_pull_requests_are_linked_with_the_runs_of_their_commits(home: Path) -> None:
    """A run belongs to a pull request that its commit was of, as a branch or as what merging made.

    A run knows nothing but a hash. None that was recorded of GitLab is of a merge request.
    """
    found: dict[str, set[str]] = defaultdict(set)
    shas: dict[str, set[str]] = {}
    for folder in (SHARED / "data" / "github").glob("*/*"):
        for run in recorded(folder, "runs"):
            found[run["head_sha"]].add(f"github:run:{run['id']}:{run.get('run_attempt') or 1}")
        ids = {}
        for pull in recorded(folder, "pulls"):
            ids[pull["number"]] = key = f"github:pr:{pull['id']}"
            shas[key] = {pull["head"].get("sha")}
            if pull["merged_at"]:
                shas[key].add(pull["merge_commit_sha"])
        for row in recorded(folder, "pull_commits"):
            shas[ids[row["number"]]] |= set(row["shas"])
    folder = SHARED / "data" / "gitlab"
    for pipeline in recorded(folder, "pipelines"):
        found[pipeline["sha"]].add(f"gitlab:pipeline:{pipeline['id']}")
    for request in recorded(folder, "merge_requests"):
        # What merging made is the merge, or else what was squashed, or else what was there.
        merged = (
            request["merge_commit_sha"] or request["squash_commit_sha"]
            if request["merged_at"]
            else None
        )
        shas[f"gitlab:mr:{request['id']}"] = {request["sha"], merged}
    for commit in recorded(folder, "merge_request_commits"):
        shas[f"gitlab:mr:{commit['mr_id']}"].add(commit["id"])
    expected = {(key, run) for key, some in shas.items() for sha in some for run in found[sha]}
    assert len({key for key, _ in expected if key.startswith("github")}) >= 20
    sql = """
        select change_key, ci_run_key from marts.bridge_change_runs
        where (change_key like 'github:pr:%' or change_key like 'gitlab:mr:%')
            and (ci_run_key like 'github:%' or ci_run_key like 'gitlab:%')
    """
    assert set(published(home, sql)) == expected


def test_the_issues_that_changes_name_are_those_of_their_texts(home: Path) -> None:
    """Every key in a branch, a title or a message, in any letters, by a reading of the history.

    A commit belongs to the pull request that shows it; another one to what brought it to the main
    line first.
    """
    folder = SHARED / "data" / "github" / "tidev" / "alloy"
    key_in = re.compile(
        r"(?<![A-Za-z0-9_.@-])(ALOY|MOD|DAEMON)-([1-9][0-9]*)(?![A-Za-z0-9_/@])", re.I
    )
    issues = {
        json.loads(line)["key"] for line in _lines(SHARED / "data" / "jira" / "titanium.ndjson.xz")
    }

    def named(*texts: str | None) -> set[str]:
        keys = {f"{a.upper()}-{b}" for text in texts if text for a, b in key_in.findall(text)}
        return keys & issues

    commits = {row["sha"]: row for row in recorded(folder, "commits")}
    pulls = {row["number"]: row for row in recorded(folder, "pulls")}
    shown = {sha: row["number"] for row in recorded(folder, "pull_commits") for sha in row["shas"]}
    merges = {row["merge_commit_sha"]: number for number, row in pulls.items() if row["merged_at"]}
    line, sha = [], json.loads((folder / "repo.json").read_text())["default_head"]
    while sha in commits:
        line.append(sha)
        sha = next(iter(commits[sha]["parents"]), None)
    brought: dict[str, str] = {}
    for tip in reversed(line):
        edge = [tip]
        while edge:
            sha = edge.pop()
            if sha in commits and sha not in brought:
                brought[sha] = tip
                edge += commits[sha]["parents"]
    found = defaultdict(set)
    for pull in pulls.values():
        found[f"github:pr:{pull['id']}"] |= named(pull["title"], pull["head"]["ref"])
    # A copy of what a pull request had brought less than a minute before is no change of its own.
    written = {
        (commits[sha]["author"]["date"], pulls[number]["merged_at"])
        for sha, number in shown.items()
        if sha in commits and pulls[number]["merged_at"]
    }
    copies = {
        tip
        for tip in line
        for at, merged_at in written
        if at == commits[tip]["author"]["date"]
        and abs(moment(merged_at) - moment(commits[tip]["committer"]["date"])) <= 60
    }
    for sha, tip in brought.items():
        number = shown.get(sha) or merges.get(sha) or merges.get(tip) or shown.get(tip)
        change = (
            f"github:pr:{pulls[number]['id']}" if number else f"github:commit:tidev/alloy:{tip}"
        )
        if number or tip not in copies:
            found[change] |= named(commits[sha]["message"])
    for sha, number in shown.items():
        if sha in commits:
            found[f"github:pr:{pulls[number]['id']}"] |= named(commits[sha]["message"])
    expected = {(change, f"jira:{key}") for change, keys in found.items() for key in keys}
    sql = """
        select from_key, 'jira:' || items.item_key
        from marts.bridge_work_item_links as links
        inner join marts.dim_work_items as items
            on links.to_key = items.work_item_key and items.is_current
        where links.link_type = 'implements' and links.from_key like 'github:%'
            and items.source_system = 'jira'
    """
    assert set(published(home, sql)) == expected
    assert len(expected) > 700
    assert any(len(keys) > 1 for keys in found.values())
    texts = " ".join(commit["message"] for commit in commits.values())
    assert any(not a.isupper() for a, _ in key_in.findall(texts))


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


STAGES = {
    "New": "new",
    "Active": "in_progress",
    "Awaiting User Info": "awaiting_user",
    "Awaiting Evidence": "awaiting_user",
    "Awaiting Vendor": "awaiting_vendor",
    "Awaiting Problem": "awaiting_problem",
    "Resolved": "resolved",
    "Closed": "resolved",
}
"""The stage of each recorded state, by hand."""


def table_of(replay: Replay, name: str) -> list[dict[str, str]]:
    """A whole table of the recorded ServiceNow, page by page."""
    rows: list[dict[str, str]] = []
    secret = base64.b64encode(b"replay:replay-token").decode()
    while True:
        request = urllib.request.Request(
            f"{replay.url}/servicenow/api/now/table/{name}?sysparm_limit=10000"
            f"&sysparm_offset={len(rows)}&sysparm_exclude_reference_link=true",
            headers={"Authorization": f"Basic {secret}"},
        )
        with urllib.request.urlopen(request) as reply:
            page = json.load(reply)["result"]
        rows += page
        if len(page) < 10_000:
            return rows


@pytest.fixture(scope="module")
def incidents(replay: Replay) -> dict[str, list[tuple[str, str]]]:
    """The states of every incident and when it entered them, read off its audit rows."""
    labels = {
        row["value"]: row["label"]
        for row in table_of(replay, "sys_choice")
        if row["name"] == "incident" and row["element"] == "state"
    }
    changes: dict[str, list[dict[str, str]]] = {}
    for row in table_of(replay, "sys_audit"):
        if row["tablename"] == "incident" and row["fieldname"] == "state":
            changes.setdefault(row["documentkey"], []).append(row)
    found = {}
    for row in table_of(replay, "incident"):
        own = sorted(
            changes.get(row["sys_id"], []),
            key=lambda change: (change["sys_created_on"], int(change["record_checkpoint"])),
        )
        first = own[0]["oldvalue"] if own else row["state"]
        steps = [(first, row["opened_at"])]
        steps += [(change["newvalue"], change["sys_created_on"]) for change in own]
        found[row["sys_id"]] = [(labels.get(value, value), at) for value, at in steps]
    return found


def spans(steps: list[tuple[str, str]]) -> list[tuple[str, str, str | None]]:
    """Each name with when it was entered and left; a name that is repeated goes on."""
    kept = [step for place, step in enumerate(steps) if not place or steps[place - 1][0] != step[0]]
    ends = [at for _, at in kept[1:]] + [None]
    return [(name, at, end) for (name, at), end in zip(kept, ends, strict=True)]


def test_the_visits_of_every_incident_are_those_of_its_audit_rows(
    home: Path, incidents: dict[str, list[tuple[str, str]]]
) -> None:
    assert len(incidents) == 2478
    statuses: dict[str, list] = {}
    for sys_id, status, entered, left in published(
        home,
        """
        select
            split_part(work_item_key, ':', 3), to_status, strftime(changed_at, '%Y-%m-%d %H:%M:%S'),
            strftime(lead(changed_at) over (
                partition by work_item_key order by transition_seq
            ), '%Y-%m-%d %H:%M:%S')
        from marts.fct_status_transitions where work_item_key like 'servicenow:incident:%'
        order by work_item_key, transition_seq
        """,
    ):
        statuses.setdefault(sys_id, []).append((status, entered, left))
    assert statuses == {sys_id: spans(steps) for sys_id, steps in incidents.items()}
    stages: dict[str, list] = {}
    for sys_id, stage, entered, left in published(
        home,
        """
        select
            split_part(work_item_key, ':', 3), stage, strftime(entered_at, '%Y-%m-%d %H:%M:%S'),
            strftime(exited_at, '%Y-%m-%d %H:%M:%S')
        from marts.fct_stage_visits where work_item_key like 'servicenow:incident:%'
        order by work_item_key, visit_seq
        """,
    ):
        stages.setdefault(sys_id, []).append((stage, entered, left))
    assert stages == {
        sys_id: spans([(STAGES.get(state, "unmapped"), at) for state, at in steps])
        for sys_id, steps in incidents.items()
    }


def test_what_is_odd_in_the_recorded_incidents_is_flagged_and_counted(
    home: Path, replay: Replay
) -> None:
    rows = table_of(replay, "incident")
    audits: dict[str, list[dict[str, str]]] = {}
    for audit in table_of(replay, "sys_audit"):
        audits.setdefault(audit["documentkey"], []).append(audit)
    expected: dict[str, set[str]] = {
        "updates_before_opening": set(),
        "updates_out_of_order": set(),
        "state_without_label": set(),
        "updates_without_audit": set(),
        "times_to_the_minute": set(),
        "counted_without_a_change_of_group": set(),
    }
    assert all(a["sys_created_on"].endswith(":00") for own in audits.values() for a in own)
    for row in rows:
        own, key = audits.get(row["sys_id"], []), row["sys_id"]
        times = {int(a["record_checkpoint"]): a["sys_created_on"] for a in own}
        if any(a["sys_created_on"] < row["opened_at"] for a in own):
            expected["updates_before_opening"].add(key)
        if sorted(times.values()) != [times[number] for number in sorted(times)]:
            expected["updates_out_of_order"].add(key)
        if row["state"] == "-100" or any(
            a["fieldname"] == "state" and a["newvalue"] == "-100" for a in own
        ):
            expected["state_without_label"].add(key)
        if own and len(times) < int(row["sys_mod_count"]):
            expected["updates_without_audit"].add(key)
        fields = Counter(a["fieldname"] for a in own)
        if fields["assignment_group"] < int(row["reassignment_count"]):
            expected["counted_without_a_change_of_group"].add(key)
        if own:
            expected["times_to_the_minute"].add(key)
    found: dict[str, set[str]] = {reason: set() for reason in expected}
    for sys_id, reason in published(
        home,
        """
        select split_part(work_item_key, ':', 3), reason from marts.fct_history_flags
        where work_item_key like 'servicenow:incident:%'
        """,
    ):
        found[reason].add(sys_id)
    assert found == expected
    assert len(expected["state_without_label"]) == 1 and expected["updates_without_audit"]
    quality = dict(
        published(
            home,
            """
            select split_part(work_item_key, ':', 3), history_quality
            from marts.fct_work_item_flows where history_quality <> 'complete'
                and work_item_key like 'servicenow:incident:%'
            """,
        )
    )
    conflicts = expected["updates_before_opening"] | expected["updates_out_of_order"]
    assert quality == {
        **dict.fromkeys(expected["state_without_label"], "gap"),
        **dict.fromkeys(conflicts, "conflict"),
    }
    assert published(
        home,
        """
        select distinct history_source, history_precision_s from marts.fct_work_item_flows
        where work_item_key like 'servicenow:incident:%'
        """,
    ) == [("audit", 60)]
    counted = dict(
        published(
            home,
            """
            select replace(measure, 'flag_', ''), affected from metrics.metric_data_quality
            where source_system = 'servicenow' and measure like 'flag_%'
            """,
        )
    )
    assert {reason: counted.get(reason, 0) for reason in expected} == {
        reason: len(keys) for reason, keys in expected.items()
    }


def test_groups_are_changed_as_often_as_the_recorded_count_says(home: Path, replay: Replay) -> None:
    """All of them: a difference is listed with both numbers and its reason, which is in the log."""
    recorded = {r["sys_id"]: int(r["reassignment_count"]) for r in table_of(replay, "incident")}
    logged: Counter = Counter()
    for audit in table_of(replay, "sys_audit"):
        logged[audit["documentkey"], audit["fieldname"]] += 1
    found = {
        sys_id: counts
        for sys_id, *counts in published(
            home,
            """
            select
                split_part(work_item_key, ':', 3), reassignment_count, source_reassignment_count,
                reopen_count, source_reopen_count
            from marts.fct_incidents
            """,
        )
    }
    assert found.keys() == recorded.keys() and sum(recorded.values()) == 2324
    assert {key: source for key, (_, source, _, _) in found.items()} == recorded
    assert all(reopened == counted for _, _, reopened, counted in found.values())
    differing = {key: (own, source) for key, (own, source, _, _) in found.items() if own != source}
    listed = {
        sys_id: (own, source)
        for sys_id, own, source in published(
            home,
            """
            select split_part(work_item_key, ':', 3), own_count, source_count
            from marts.fct_history_flags where reason = 'counted_without_a_change_of_group'
            """,
        )
    }
    assert listed == differing and len(listed) == 17
    for key, (own, source) in differing.items():
        assert own == logged[key, "assignment_group"]
        assert source == logged[key, "reassignment_count"]


def test_incidents_are_acknowledged_by_work_and_not_by_their_end(
    home: Path, replay: Replay
) -> None:
    """Read off the log: the first update before the resolving one that shows somebody at work."""
    updates: dict[str, dict[int, dict[str, Any]]] = defaultdict(lambda: defaultdict(dict))
    for audit in table_of(replay, "sys_audit"):
        updates[audit["documentkey"]][int(audit["record_checkpoint"])][audit["fieldname"]] = audit
    expected = {}
    for record in table_of(replay, "incident"):
        shown = []
        for _, update in sorted(updates[record["sys_id"]].items()):
            state = update["state"]["newvalue"] if "state" in update else None
            if state in ("6", "7"):
                break
            given = [
                update[f]["newvalue"] for f in ("assigned_to", "assignment_group") if f in update
            ]
            if any(given) or state in ("2", "3", "4", "5", "8"):
                shown.append(next(iter(update.values()))["sys_created_on"])
        first = max(shown[0], record["opened_at"]) if shown else None
        expected[record["sys_id"]] = first and datetime.fromisoformat(first)
    found = dict(
        published(
            home,
            "select split_part(work_item_key, ':', 3), acknowledged_at from marts.fct_incidents",
        )
    )
    different = {key for key in expected if expected[key] != found[key]}
    # numbers and times of updates are at odds in these
    assert len(different) <= 2
    [(late, unknown)] = published(
        home,
        """
        select
            count(*) filter (acknowledged_at > resolved_at),
            count(*) filter (acknowledged_at is null)
        from marts.fct_incidents
        """,
    )
    assert late == 0 and 0 < unknown < len(found)


def test_what_no_seed_names_is_warned_of_by_name(home: Path, replay: Replay) -> None:
    done = subprocess.run(
        [FLOWHOUSE, "status", "--json"],
        env={**os.environ, "FLOWHOUSE_HOME": str(home), **replay.settings},
        capture_output=True,
        text=True,
        check=True,
    )
    warnings = dict(line.split(": ", 1) for line in json.loads(done.stdout)["warnings"])
    assert (
        "gitlab software workflow::4 - scheduled 1 work items"
        in (warnings["every_status_has_a_stage"])
    )
    assert warnings["every_environment_is_known"] == "github github-pages 7 deployments"
    assert (
        "github facebook/OpenBIC 0 changes 7 deployments"
        in (warnings["every_repository_has_a_service"])
    )
    assert "jira Test Execution 1 work items" in warnings["every_type_of_work_is_known"]
    # No line of scopes.csv says whose anything is: each project and repository is a stream.
    assert "every_scope_has_a_value_stream" not in warnings
    assert any(
        line.startswith("jira: each of its ") for line in json.loads(done.stdout)["default_streams"]
    )
    # The recorded pull requests of two repositories do not say when they were opened.
    pulls = len(_pulls("bitcoin/bitcoin")) + len(_pulls("tidev/alloy"))
    assert warnings["github/pull_requests"] == f"created_at is empty: {pulls} rows"


def _pulls(repository: str) -> list[str]:
    [path] = (SHARED / "data" / "github" / repository).glob("pulls.ndjson*")
    return _lines(path)


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


def test_no_person_is_named(home: Path) -> None:
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


def test_loads_without_changes_bring_nothing_new(
    home: Path, replay: Replay, monkeypatch: pytest.MonkeyPatch
) -> None:
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

    before = rows()
    last = replay.control("journal?limit=1")["total"]
    for name, value in {"FLOWHOUSE_HOME": str(home), **replay.settings}.items():
        monkeypatch.setenv(name, value)
    for source in tables:
        assert {audit.status for audit in load(source, "again").audits} == {"complete"}
    assert rows() == before
    asked = replay.control(f"journal?after={last}")["requests"]
    bodies = [r for r in asked if r["path"].endswith(("issue/bulkfetch", "changelog/bulkfetch"))]
    assert bodies == []
    assert len(asked) < 150, f"{len(asked)} requests for nothing new"

"""Jenkins: what is loaded, what is left out, and what never gets lost."""

import json
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from demo import jenkins as jenkins_server
from demo.http import Api, Clock, Faults, Request, Response, Server
from extract.api import Unauthorized
from extract.load import load, prepare
from extract.settings import SettingFault
from extract.sources import jenkins
from extract.sources.jenkins.client import GRAPH_VIEW, STAGE_PATHS, STAGE_VIEW
from extract.sources.jenkins.probes import doctor_probes
from extract.sources.jenkins.rows import Job, build_row, repository_of
from extract.sources.jenkins.tables import TABLES
from orchestration.cli import main

real = pytest.mark.real
SHARED = Path(__file__).parents[3] / "shared"
START = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1000)
MINUTE = 60_000
JOB, RUN = "org.x.job.WorkflowJob", "org.x.job.WorkflowRun"
FOLDER, MULTIBRANCH = "com.x.Folder", "org.x.multibranch.WorkflowMultiBranchProject"


def recorded(kind: str) -> list[dict[str, Any]]:
    path = SHARED / "data" / "jenkins" / f"{kind}.ndjson"
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def controller(replay: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("SOURCES__JENKINS__BASE_URL", replay.url("jenkins"))
    monkeypatch.setenv("SOURCES__JENKINS__USER", "replay")
    monkeypatch.setenv("SOURCES__JENKINS__API_TOKEN", "replay-token")
    replay.clock = "2026-01-01T00:00:00Z"
    return replay


def counts(home: Any) -> dict[str, int]:
    return {
        table: home.value("jenkins", f"select count(*) from jenkins.{table}")
        for table in ("jobs", "builds", "stages")
    }


def asked() -> Iterator[Any]:
    """What `flowhouse doctor` asks of a controller."""
    return doctor_probes(jenkins.SOURCE.read_settings())


def audit_of(work: Any, table: str, scope: str = "") -> Any:
    [audit] = [a for a in work.audits if (a.object, a.scope) == (table, scope)]
    return audit


# ------------------------------------------------------------------ the recorded controller


@real
def test_everything_that_jenkins_holds_is_loaded(controller: Any, home: Any) -> None:
    work = home.load("jenkins")
    assert counts(home) == controller.counts("jenkins")
    found = home.rows(
        "jenkins",
        """
        select job_full_name, number, epoch_ms(started_at), duration_ms, result
        from jenkins.builds order by all
        """,
    )
    # "feature-1" is a name that anybody may have chosen: it is loaded as a hash.
    shown = {f"github_org/devlake-jenkins/feature-{n}": n for n in (1, 2)}
    assert sorted(row[1:] for row in found) == sorted(
        (b["number"], b["timestamp"], b["duration"], b["result"]) for b in recorded("builds")
    )
    assert {row[0] for row in found if "branch-" not in row[0]} == {
        b["job"] for b in recorded("builds") if b["job"] not in shown
    }
    assert {audit.status for audit in work.audits} == {"complete"}


@real
def test_a_second_load_asks_once_per_folder_and_changes_nothing(controller: Any, home: Any) -> None:
    home.load("jenkins")
    before = [home.content("jenkins", table) for table in ("builds", "stages")]
    last = controller.last
    home.load("jenkins")
    assert [home.content("jenkins", table) for table in ("builds", "stages")] == before
    asked = [request["path"] for request in controller.requests("jenkins", last)]
    folders = sum("Folder" in i["_class"] or "Multi" in i["_class"] for i in recorded("items"))
    # One for the clock, one for the front page, one for each folder.
    assert len(asked) == len(set(asked)) + 1 == 2 + folders


@real
def test_day_by_day_equals_one_full_load(
    controller: Any, home: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moments = sorted({build["timestamp"] for build in recorded("builds")})
    days = [datetime.fromtimestamp(ms / 1000, UTC) for ms in moments]
    # In the middle of a build, and again hours later: running builds have to be followed.
    for day in days[:: len(days) // 6]:
        for moment in (day + timedelta(seconds=1), day + timedelta(hours=3)):
            controller.clock = moment.isoformat()
            home.load("jenkins")
    controller.clock = "2026-01-01T00:00:00Z"
    home.load("jenkins")
    found = [home.content("jenkins", table) for table in ("builds", "stages")]
    monkeypatch.setenv("FLOWHOUSE_HOME", str(tmp_path / "other"))
    other = type(home)(tmp_path / "other")
    other.load("jenkins")
    assert found == [other.content("jenkins", table) for table in ("builds", "stages")]


@real
def test_stages_keep_their_own_results(controller: Any, home: Any) -> None:
    home.load("jenkins")
    found = dict(home.rows("jenkins", "select status, count(*) from jenkins.stages group by 1"))
    expected: dict[str, int] = {}
    for stage in recorded("stages"):
        expected[stage["status"]] = expected.get(stage["status"], 0) + 1
    assert found == expected


@real
def test_no_person_is_named(controller: Any, home: Any) -> None:
    home.load("jenkins")
    causes = [
        cause
        for build in recorded("builds")
        for action in build["actions"]
        for cause in action.get("causes", [])
    ]
    names = {cause[key] for cause in causes for key in ("userId", "userName") if key in cause}
    assert names
    text = home.texts("jenkins")
    assert {name for name in names | {"feature-1", "feature-2"} if name in text} == set()


@real
def test_a_wrong_token_is_refused_by_its_settings_name(
    controller: Any, home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCES__JENKINS__API_TOKEN", "wrong-token")
    with pytest.raises(Unauthorized, match="SOURCES__JENKINS__API_TOKEN") as refused:
        jenkins.SOURCE.checked_settings()
    assert "wrong-token" not in str(refused.value)


def test_a_missing_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCES__JENKINS__BASE_URL", "http://127.0.0.1:9")
    with pytest.raises(SettingFault) as fault:
        jenkins.SOURCE.checked_settings()
    assert str(fault.value).splitlines() == [
        "SOURCES__JENKINS__USER is not set",
        "SOURCES__JENKINS__API_TOKEN is not set",
    ]


@real
def test_a_folder_that_is_not_there_is_a_failed_scope(
    controller: Any, home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCES__JENKINS__FOLDERS", '["github_org", "nowhere"]')
    work = home.load("jenkins")
    failed = audit_of(work, "jobs", "nowhere")
    assert (failed.status, "SOURCES__JENKINS__FOLDERS" in failed.message) == ("failed", True)
    wanted = [b for b in recorded("builds") if b["job"].startswith("github_org/")]
    assert counts(home)["builds"] == len(wanted)


# ------------------------------------------------------------------ a controller that changes


class Controller(Api):
    """Jobs by full name with their builds, oldest first; `after` acts between two answers."""

    name = "jenkins"

    def __init__(self) -> None:
        super().__init__()
        self.classes: dict[str, str] = {}
        self.builds: dict[str, list[dict[str, Any]]] = {}
        self.stages_at: str | None = STAGE_VIEW
        self.asked: list[str] = []
        self.broken: list[str] = []
        self.after: list[tuple[str, Callable[[], None]]] = []
        self.route("GET", r"/api/json", lambda r, m: self.shown(r, self.node("")))
        self.route("GET", r"(?P<p>(/job/[^/]+)+)/api/json", self.item)
        self.route("GET", r"(?P<p>(/job/[^/]+)+)/(?P<n>\d+)/api/json", self.build)
        self.route("GET", r"(?P<p>(/job/[^/]+)+)/(?P<n>\d+)/(?P<place>\w[\w-]*/\w+)", self.describe)

    def refuse(self, request: Request) -> Response | None:
        return None

    def answer(self, request: Request) -> Response:
        target = f"{request.path}?{request.query.get('tree', '')}"
        self.asked.append(target)
        if any(re.search(place, target) for place in self.broken):
            return Response(500, b"<html>")
        answer = super().answer(request)
        for entry in list(self.after):
            if re.search(entry[0], target):
                self.after.remove(entry)
                entry[1]()
        return answer

    def shown(self, request: Request, node: dict[str, Any] | None) -> Response:
        if node is None:
            return Response(404, b"<html>")
        tree = jenkins_server.parse_tree(request.query["tree"])
        return Response(200, jenkins_server.select(node, tree))

    def node(self, name: str) -> dict[str, Any] | None:
        if name and name not in self.classes:
            return None
        inside = sorted(n for n in self.classes if n.rpartition("/")[0] == name)
        node = {"_class": self.classes.get(name, "Hudson"), "name": name.rpartition("/")[2]}
        if name not in self.builds:
            return node | {"jobs": [self.node(one) for one in inside]}
        newest = self.builds[name][::-1]
        first = newest[-1] if newest else None
        return node | {"builds": newest[:100], "allBuilds": newest, "firstBuild": first}

    def item(self, request: Request, match: re.Match[str]) -> Response:
        return self.shown(request, self.node(match["p"].replace("/job/", "/")[1:]))

    def found(self, match: re.Match[str]) -> dict[str, Any] | None:
        builds = self.builds.get(match["p"].replace("/job/", "/")[1:], [])
        return next((b for b in builds if b["number"] == int(match["n"])), None)

    def build(self, request: Request, match: re.Match[str]) -> Response:
        return self.shown(request, self.found(match))

    def describe(self, request: Request, match: re.Match[str]) -> Response:
        build = self.found(match)
        if build is None or match["place"] != self.stages_at:
            return Response(404, b"<html>")
        if self.stages_at != STAGE_VIEW:
            return Response(200, {"status": "ok", "data": graph_view(build["timestamp"])})
        stages = [
            {"id": "6", "name": "Build", "status": "SUCCESS", "startTimeMillis": build["timestamp"],
             "durationMillis": 1000, "pauseDurationMillis": 0},
        ]  # fmt: skip
        return Response(200, {"stages": stages})

    def add(self, name: str, numbers: range, start: int = START, **values: Any) -> None:
        """Add builds, one a minute."""
        parts = name.split("/")
        for depth in range(1, len(parts)):
            self.classes.setdefault("/".join(parts[:depth]), FOLDER)
        self.classes[name] = JOB
        self.builds.setdefault(name, []).extend(
            {"_class": RUN, "number": n, "timestamp": start + n * MINUTE, "duration": 30_000,
             "building": False, "result": "SUCCESS", "actions": [], **values}
            for n in numbers
        )  # fmt: skip


def graph_view(started: int) -> dict[str, Any]:
    """Return the tree of Pipeline Graph View: stages in branches in stages, and what never ran."""

    def stage(name: str, state: str, kind: str = "STAGE", *children: dict, **more: Any) -> dict:
        return {
            "id": name[0], "name": name, "title": name, "state": state, "type": kind,
            "startTimeMillis": started, "totalDurationMillis": 2000, "pauseDurationMillis": 500,
            "children": list(children), "agent": "ada's laptop", **more,
        }  # fmt: skip

    inner = stage("inner", "aborted")
    branches = (stage("linux", "unstable", "PARALLEL", inner), stage("mac", "failure", "PARALLEL"))
    return {
        "complete": True,
        "stages": [
            stage("build", "success"),
            stage("test", "failure", "STAGE", *branches, pauseDurationMillis=0),
            stage("deploy", "skipped", totalDurationMillis=None, startTimeMillis=0),
            stage("zero", "not_built", placeholder=True),
            stage("step", "success", "STEP"),
        ],
    }


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Iterator[Controller]:
    api = Controller()
    server = Server(api, 0, Clock(START // 1000 + 86400), [], Faults())
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    monkeypatch.setenv("SOURCES__JENKINS__BASE_URL", server.url)
    monkeypatch.setenv("SOURCES__JENKINS__USER", "reader")
    monkeypatch.setenv("SOURCES__JENKINS__API_TOKEN", "token")
    yield api
    server.shutdown()
    server.server_close()


def numbers(home: Any, job: str) -> list[int]:
    sql = f"select number from jenkins.builds where job_full_name = '{job}' order by number"
    return [number for (number,) in home.rows("jenkins", sql)]


def test_j1_builds_are_read_in_ranges_whatever_their_number(scripted: Any, home: Any) -> None:
    scripted.add("a/b/c/job", range(1, 231))
    home.load("jenkins")
    assert numbers(home, "a/b/c/job") == list(range(1, 231))
    assert counts(home)["stages"] == 230
    ranges = [target for target in scripted.asked if "allBuilds" in target]
    assert [re.search(r"\{(.*)\}", target)[1] for target in ranges] == [
        "0,100",
        "100,200",
        "200,300",
    ]
    assert not any("depth" in target for target in scripted.asked)


def test_j1_only_new_builds_are_read_again(scripted: Any, home: Any) -> None:
    scripted.add("job", range(1, 231))
    home.load("jenkins")
    scripted.add("job", range(231, 234))
    scripted.asked.clear()
    home.load("jenkins")
    assert numbers(home, "job") == list(range(1, 234))
    assert len([target for target in scripted.asked if "allBuilds" in target]) == 1
    assert len([target for target in scripted.asked if "wfapi" in target]) == 3


def test_j1_builds_deleted_while_paging_hide_no_other(scripted: Any, home: Any) -> None:
    scripted.add("job", range(1, 251))

    def delete() -> None:
        del scripted.builds["job"][200:210]

    scripted.after.append((r"allBuilds.*\{0,100\}", delete))
    home.load("jenkins")
    # 201 to 210 were read before they were deleted; 141 to 150 moved into the range behind us.
    assert numbers(home, "job") == list(range(1, 251))


def test_j1_builds_started_while_paging_are_read_once(scripted: Any, home: Any) -> None:
    scripted.add("job", range(1, 231))
    scripted.after.append((r"\{0,100\}", lambda: scripted.add("job", range(231, 241))))
    home.load("jenkins")
    assert numbers(home, "job") == list(range(1, 231))
    home.load("jenkins")
    assert numbers(home, "job") == list(range(1, 241))


def test_j1_discarded_builds_stay(scripted: Any, home: Any) -> None:
    scripted.add("job", range(1, 151))
    home.load("jenkins")
    del scripted.builds["job"][:120]
    scripted.add("job", range(151, 153))
    home.load("jenkins")
    assert numbers(home, "job") == list(range(1, 153))


def gaps(home: Any) -> list[tuple]:
    """Scope, reason, and beginning and end of the gaps, as minutes after the start."""
    return home.rows(
        "jenkins",
        f"""
        select
            scope, reason,
            (epoch_ms(gap_from) - {START}) // {MINUTE}, (epoch_ms(gap_to) - {START}) // {MINUTE}
        from jenkins.history_gaps where object = 'builds' order by all
        """,
    )


def test_builds_that_were_discarded_before_a_load_saw_them_are_a_gap(
    scripted: Any, home: Any
) -> None:
    scripted.add("whole", range(1, 4))
    scripted.add("cut", range(40, 60))
    home.load("jenkins")
    assert gaps(home) == [("cut", "retention", None, 40), ("whole", None, None, None)]
    # What is discarded later was loaded; of what came and went between two loads nobody knows.
    scripted.builds["cut"], scripted.builds["whole"] = [], scripted.builds["whole"][2:]
    scripted.add("cut", range(75, 80))
    scripted.add("whole", range(4, 5))
    home.load("jenkins")
    assert gaps(home) == [
        ("cut", "pause", 59, 75),
        ("cut", "retention", None, 40),
        ("whole", None, None, None),
    ]
    said = CliRunner().invoke(main, ["status"]).output
    days = "cut until 2026-01-01 (pause), cut until 2026-01-01 (retention)"
    assert f"history jenkins is not known of {days}\n" in said
    told = json.loads(CliRunner().invoke(main, ["status", "--json"]).output)
    [jenkins_facts] = [facts for facts in told["sources"] if facts["source"] == "jenkins"]
    assert jenkins_facts["history_gaps"][1] == {
        "object": "builds", "scope": "cut", "reason": "retention", "gap_from": None,
        "gap_to": "2026-01-01T00:40:00Z",
    }  # fmt: skip
    scripted.classes["whole"], scripted.builds["whole"] = JOB, []
    scripted.add("whole", range(1, 3), start=START + 500 * MINUTE)  # made anew
    home.load("jenkins")
    assert len(gaps(home)) == 3


def test_the_raw_files_alone_bring_back_what_jenkins_has_discarded(
    scripted: Any, home: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What docs/sources.md says of a backup: its rows, and where the next load goes on."""
    scripted.add("job", range(1, 131))
    home.load("jenkins")
    shutil.copytree(home.folder / "raw", tmp_path / "restored" / "raw")
    del scripted.builds["job"][:120]
    scripted.add("job", range(131, 133))
    monkeypatch.setenv("FLOWHOUSE_HOME", str(tmp_path / "restored"))
    restored = type(home)(tmp_path / "restored")
    restored.load("jenkins")
    assert numbers(restored, "job") == list(range(1, 133))
    assert gaps(restored) == [("job", None, None, None)]
    assert len([target for target in scripted.asked if "allBuilds" in target]) == 2 + 1


def test_a_table_that_a_newer_version_has_is_created_without_a_load(
    scripted: Any, home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Models read it, whatever `refresh --source` loads."""
    with monkeypatch.context() as older:
        older.setattr(jenkins, "SOURCE", replace(jenkins.SOURCE, tables=TABLES[:3]))
        older.delenv("SOURCES__JENKINS__BASE_URL")
        load("jenkins", "before")
    for _ in range(2):
        prepare("jenkins")
        columns = home.rows("jenkins", "describe jenkins.history_gaps")
        assert {"object", "scope", "gap_to", "payload"} <= {name for name, *_ in columns}
    assert scripted.asked == []


def test_builds_from_before_the_start_date_are_a_gap(
    scripted: Any, home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted.add("job", range(1, 300))
    monkeypatch.setenv("SOURCES__JENKINS__START_DATE", "2026-01-01T04:00:00Z")
    home.load("jenkins")
    assert gaps(home) == [("job", "start_date", None, 240)]


def test_j1_a_deleted_branch_stays(scripted: Any, home: Any) -> None:
    scripted.add("org/repo/PR-7", range(1, 4))
    scripted.add("org/repo/main", range(1, 3))
    home.load("jenkins")
    del scripted.builds["org/repo/PR-7"], scripted.classes["org/repo/PR-7"]
    home.load("jenkins")
    assert numbers(home, "org/repo/PR-7") == [1, 2, 3]
    assert counts(home)["jobs"] == 2


def test_j1_a_running_build_is_followed_until_it_has_ended(scripted: Any, home: Any) -> None:
    scripted.add("job", range(1, 2), building=True, result=None, duration=0)
    home.load("jenkins")
    sql = "select is_building, result, duration_ms from jenkins.builds where number = 1"
    assert home.rows("jenkins", sql) == [(True, None, None)]
    scripted.add("job", range(2, 121))
    home.load("jenkins")
    assert home.rows("jenkins", sql) == [(True, None, None)]
    scripted.builds["job"][0] |= {"building": False, "result": "FAILURE", "duration": 99}
    scripted.asked.clear()
    home.load("jenkins")
    assert home.rows("jenkins", sql) == [(False, "FAILURE", 99)]
    # It is asked for by its number, and its job is not read again.
    assert not [target for target in scripted.asked if "allBuilds" in target]
    scripted.asked.clear()
    home.load("jenkins")
    assert not [target for target in scripted.asked if "/1/" in target]


@pytest.mark.parametrize(
    ("job", "checkouts", "is_of"),
    [
        # A shared library comes first, on a branch of its own or on one of the same name.
        ("lib/main", (("acme/library", "v3"), ("acme/shop", "main")), "acme/shop"),
        ("lib/main", (("acme/library", "main"), ("acme/shop", "origin/main")), "acme/shop"),
        ("lib/feature%2Fx", (("acme/shop", "feature/x"), ("acme/config", "main")), "acme/shop"),
        # The repository's own job, though what it deploys with has the branch.
        ("shop/main", (("acme/shop", "detached"), ("acme/config", "main")), "acme/shop"),
        ("nightly", (("acme/library", "v3"), ("acme/shop", "main")), "acme/shop"),
        ("nightly", (("acme/shop", "main"),), "acme/shop"),
        ("nightly", (), None),
    ],
)
def test_a_build_is_of_the_checkout_of_its_job(
    job: str, checkouts: tuple, is_of: str | None
) -> None:
    actions = [
        {
            "lastBuiltRevision": {"SHA1": name, "branch": [{"name": branch}]},
            "remoteUrls": [f"https://git.example/{name}.git"],
        }
        for name, branch in checkouts
    ]
    build = {"number": 1, "timestamp": START, "actions": [{}, *actions]}
    row = build_row(Job(job, job, job, "WorkflowJob", []), build)
    assert row["payload"]["repository"] == row["payload"]["head_sha"] == is_of


def test_j1_a_build_that_vanishes_while_it_runs_has_ended(scripted: Any, home: Any) -> None:
    revision = [{"lastBuiltRevision": {"SHA1": "abc"}, "remoteUrls": ["git@h:o/r.git"]}]
    scripted.add("job", range(1, 2), building=True, result=None, duration=0, actions=revision)
    home.load("jenkins")
    scripted.builds["job"].clear()
    work = home.load("jenkins")
    sql = "select is_building, result, payload->>'$.head_sha' from jenkins.builds"
    assert home.rows("jenkins", sql) == [(False, "VANISHED", "abc")]
    assert audit_of(work, "builds", "job").deleted == 1


def test_j1_a_job_made_again_is_another_job(scripted: Any, home: Any) -> None:
    scripted.add("job", range(1, 131), result="FAILURE")
    home.load("jenkins")
    scripted.builds["job"].clear()
    scripted.add("job", range(1, 121), start=START + 10_000 * MINUTE)
    home.load("jenkins")
    assert numbers(home, "job") == sorted([*range(1, 131), *range(1, 121)])
    results = "select result, count(*) from jenkins.builds group by 1 order by 1"
    assert home.rows("jenkins", results) == [("FAILURE", 130), ("SUCCESS", 120)]


@pytest.mark.parametrize("place", GRAPH_VIEW)
def test_where_the_stage_view_is_not_there_stages_are_read_from_the_graph_view(
    scripted: Any, home: Any, place: str
) -> None:
    scripted.stages_at = place
    scripted.add("job", range(1, 41))
    audit = audit_of(home.load("jenkins"), "stages")
    assert (audit.status, audit.message, audit.rejected) == ("complete", "", 0)
    found = home.rows(
        "jenkins",
        """
        select
            stage_id, payload->>'$.name', status, duration_ms,
            (payload->>'$.pauseDurationMillis')::int, started_at is null
        from jenkins.stages where number = 7 order by 1
        """,
    )
    assert found == [
        ("b", "build", "success", 2000, 500, False),
        ("d", "deploy", "skipped", None, 500, True),
        ("i", "inner", "aborted", 2000, 500, False),
        ("l", "linux", "unstable", 2000, 500, False),
        ("m", "mac", "failure", 2000, 500, False),
        ("t", "test", "failure", 2000, 0, False),
    ]
    assert counts(home)["stages"] == 40 * 6
    assert "laptop" not in home.texts("jenkins")
    # Where they are is asked for once.
    assert len([target for target in scripted.asked if "wfapi" in target]) <= 2


def test_without_a_plugin_that_shows_stages_builds_are_loaded_and_it_is_said(
    scripted: Any, home: Any
) -> None:
    scripted.stages_at = None
    scripted.add("job", range(1, 301))
    audit = audit_of(home.load("jenkins"), "stages")
    assert counts(home) == {"jobs": 1, "builds": 300, "stages": 0}
    assert (audit.status, audit.extracted, audit.rejected) == ("complete", 0, 300)
    missing = "neither the plugin Pipeline Graph View nor Pipeline: Stage View is there (404)"
    assert audit.message == f"no stages: {missing}"
    assert (
        f"note jenkins stages : no stages: {missing}" in CliRunner().invoke(main, "status").output
    )
    for place in STAGE_PATHS:
        assert 20 <= len([target for target in scripted.asked if place in target]) <= 21
    wrong = [probe.line for probe in asked() if not probe.is_well]
    assert f"stages: not readable: {missing}" in wrong
    scripted.stages_at = "stages/tree"
    assert "stages: readable" in [probe.line for probe in asked()]


def test_builds_without_stages_do_not_hide_those_of_others(scripted: Any, home: Any) -> None:
    scripted.add("job", range(1, 101))
    del scripted.builds["job"][40:70]
    scripted.after.append((r"allBuilds", lambda: scripted.builds["job"].__delitem__(slice(0, 40))))
    audit = audit_of(home.load("jenkins"), "stages")
    assert counts(home) == {"jobs": 1, "builds": 70, "stages": 30}
    assert audit.message == "40 builds without stages: discarded, or broken"


def test_stages_that_jenkins_fails_on_hold_up_no_other_and_are_asked_for_again(
    scripted: Any, home: Any, waits: list[float]
) -> None:
    scripted.add("app", range(1, 4))
    scripted.broken.append("/app/2/wfapi")
    for _ in range(2):
        audit = audit_of(home.load("jenkins"), "stages")
        assert audit.status == "incomplete"
        assert "/job/app/2/wfapi/describe" in audit.message
        assert counts(home) == {"jobs": 1, "builds": 3, "stages": 2}
    scripted.broken.clear()
    assert audit_of(home.load("jenkins"), "stages").status == "complete"
    assert counts(home) == {"jobs": 1, "builds": 3, "stages": 3}
    scripted.asked.clear()
    home.load("jenkins")
    assert [place for place in scripted.asked if "/app/" in place] == []


def test_stages_that_jenkins_fails_on_for_good_are_given_up(
    scripted: Any, home: Any, waits: list[float]
) -> None:
    scripted.add("app", range(1, 4), start=START - 40 * 24 * 60 * MINUTE)
    scripted.add("young", range(1, 2))
    scripted.broken += ["/app/2/wfapi", "/young/1/wfapi"]
    statuses = [audit_of(home.load("jenkins"), "stages").status for _ in range(4)]
    assert statuses == ["incomplete"] * 4
    audit = audit_of(home.load("jenkins"), "stages")
    assert (audit.status, audit.rejected) == ("incomplete", 1)
    scripted.asked.clear()
    scripted.broken.clear()
    assert audit_of(home.load("jenkins"), "stages").status == "complete"
    asked = {place for place in scripted.asked if "wfapi" in place}
    assert asked == {"/job/young/1/wfapi/describe?"}


def test_when_no_stages_are_given_the_builds_are_loaded_and_the_stages_follow(
    scripted: Any, home: Any, waits: list[float]
) -> None:
    scripted.add("app", range(1, 31))
    scripted.broken.append("wfapi")
    home.load("jenkins")
    assert counts(home) == {"jobs": 1, "builds": 30, "stages": 0}
    assert len({place for place in scripted.asked if "wfapi" in place}) <= 4
    scripted.broken.clear()
    home.load("jenkins")
    assert counts(home) == {"jobs": 1, "builds": 30, "stages": 30}


def test_a_build_that_owes_its_stages_and_is_discarded_stays_as_it_ended(
    scripted: Any, home: Any, waits: list[float]
) -> None:
    scripted.add("app", range(1, 4))
    scripted.broken.append("/app/2/wfapi")
    home.load("jenkins")
    del scripted.builds["app"][1]
    scripted.broken.clear()
    home.load("jenkins")
    results = home.rows("jenkins", "select number, result from jenkins.builds order by 1")
    assert results == [(1, "SUCCESS"), (2, "SUCCESS"), (3, "SUCCESS")]
    scripted.asked.clear()
    home.load("jenkins")
    assert [place for place in scripted.asked if "/app/" in place] == []


@pytest.mark.parametrize(
    ("place", "scope"), [("^/job/b/job/bad/api", ("builds", "b")), ("^/job/b/api", ("jobs", "b"))]
)
def test_a_job_or_folder_that_jenkins_fails_on_holds_up_no_other(
    scripted: Any, home: Any, waits: list[float], place: str, scope: tuple
) -> None:
    for name in ("a", "b/bad", "c/good"):
        scripted.add(name, range(1, 3))
    scripted.broken.append(place)
    audit = audit_of(home.load("jenkins"), *scope)
    assert audit.status == "failed" and "status 500" in audit.message
    assert numbers(home, "a") == numbers(home, "c/good") == [1, 2]
    assert numbers(home, "b/bad") == []
    scripted.broken.clear()
    assert {audit.status for audit in home.load("jenkins").audits} == {"complete"}
    assert numbers(home, "b/bad") == [1, 2]


def test_a_jenkins_that_gives_no_answer_at_all_is_not_asked_for_every_job(
    scripted: Any, home: Any, waits: list[float]
) -> None:
    for no in range(20):
        scripted.add(f"job{no}", range(1, 3))
    scripted.broken.append("/job/")
    audit = audit_of(home.load("jenkins"), "*")
    assert audit.status == "failed" and "status 500" in audit.message
    assert len({place for place in scripted.asked if place.startswith("/job/")}) == 3
    scripted.broken.clear()
    home.load("jenkins")
    assert counts(home)["builds"] == 40


def test_branches_are_loaded_by_hash_unless_they_are_usual_ones(scripted: Any, home: Any) -> None:
    names = ("main", "PR-12", "release%2F1.4", "ada-lovelace%2Ffix", "PAY-1-call-lovelace")
    for name in names:
        scripted.add(f"repo/{name}", range(1, 2))
    scripted.classes["repo"] = MULTIBRANCH
    home.load("jenkins")
    found = [n for (n,) in home.rows("jenkins", "select full_name from jenkins.jobs order by 1")]
    usual = [name for name in found if "/branch-" not in name]
    assert usual == ["repo/PR-12", "repo/main", "repo/release%2F1.4"]
    assert len(found) == 5
    assert "lovelace" not in home.texts("jenkins").lower()


def test_no_job_at_all_is_said(scripted: Any, home: Any) -> None:
    scripted.add("job", range(1, 3))
    home.load("jenkins")
    scripted.classes.clear()
    work = home.load("jenkins")
    audit = audit_of(work, "jobs")
    assert (audit.status, audit.message) == ("incomplete", "Jenkins shows no job to this user")
    assert counts(home) == {"jobs": 1, "builds": 2, "stages": 2}


def test_a_start_date_leaves_older_builds_out(
    scripted: Any, home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted.add("job", range(1, 300))
    monkeypatch.setenv("SOURCES__JENKINS__START_DATE", "2026-01-01T04:00:00Z")
    home.load("jenkins")
    assert numbers(home, "job") == list(range(240, 300))
    assert len([target for target in scripted.asked if "allBuilds" in target]) == 1


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("https://github.com/example/api.git", "example/api"),
        ("https://someone:secret@git.example.com/team/group/api", "group/api"),
        ("git@github.com:example/api.git", "example/api"),
        ("ssh://git@github.com:22/example/api.git", "example/api"),
        ("/srv/git/api.git", None),
        ("", None),
    ],
)
def test_a_repository_is_its_owner_and_name(address: str, expected: str | None) -> None:
    assert repository_of([address] if address else []) == expected

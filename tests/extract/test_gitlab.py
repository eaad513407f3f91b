"""GitLab: what is loaded, what is left out, and what never gets lost."""

import json
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from demo.http import Api, Clock, Faults, Request, Response, Server
from extract import windows
from extract.census import Census
from extract.load import load
from extract.privacy import shown_environment
from extract.settings import SettingFault
from extract.sources import gitlab
from extract.sources.gitlab.probes import doctor_probes
from extract.sources.gitlab.rows import shown_ref
from extract.sources.gitlab.tables import HISTORY_GAPS, TABLES, TOMBSTONES
from tests.extract.bounds import set_bound

real = pytest.mark.real
SHARED = Path(__file__).parents[3] / "shared"
NOW = datetime(2026, 1, 10, tzinfo=UTC)
FACTS = [table.name for table in TABLES if table not in (TOMBSTONES, HISTORY_GAPS)]


def recorded(kind: str) -> list[dict[str, Any]]:
    path = SHARED / "data" / "gitlab" / f"{kind}.ndjson"
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def instance(replay: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The recorded instance, after the last recorded change."""
    monkeypatch.setenv("SOURCES__GITLAB__BASE_URL", replay.url("gitlab"))
    monkeypatch.setenv("SOURCES__GITLAB__TOKEN", "replay-token")
    replay.clock = "2026-01-01T00:00:00Z"
    return replay


def counts(home: Any) -> dict[str, int]:
    tables = ("projects", "pipelines", "jobs", "bridges", "deployments", "merge_requests", "issues")
    return {table: home.value("gitlab", f"select count(*) from gitlab.{table}") for table in tables}


def content(home: Any) -> dict[str, list[tuple]]:
    return {table: home.content("gitlab", table) for table in FACTS}


def statuses(home: Any, table: str) -> Counter:
    return Counter(
        dict(home.rows("gitlab", f"select status, count(*) from gitlab.{table} group by 1"))
    )


def audit_of(work: Any, table: str, scope: str = "") -> Any:
    [audit] = [a for a in work.audits if (a.object, a.scope) == (table, scope)]
    return audit


# ------------------------------------------------------------------ the recorded instance


@real
def test_everything_that_gitlab_holds_is_loaded(instance: Any, home: Any) -> None:
    work = home.load("gitlab")
    assert counts(home) == instance.counts("gitlab")
    for kind in ("pipelines", "jobs", "deployments"):
        assert statuses(home, kind) == Counter(row["status"] for row in recorded(kind))
    for kind in ("merge_requests", "issues"):
        assert statuses(home, kind) == Counter(row["state"] for row in recorded(kind))
    found = home.rows("gitlab", "select merge_request_id, sha from gitlab.merge_request_commits")
    commits = {(str(row["mr_id"]), row["id"]) for row in recorded("merge_request_commits")}
    assert set(found) == commits and len(found) == len(commits)
    assert {audit.status for audit in work.audits} == {"complete"}


@real
def test_pipelines_carry_what_only_their_details_say(instance: Any, loaded: Any) -> None:
    home = loaded("gitlab")
    found = home.rows(
        "gitlab",
        """
        select id, epoch_ms(started_at), epoch_ms(finished_at)
        from gitlab.pipelines where started_at is not null
        """,
    )

    def ms(text: str) -> int:
        return round(datetime.fromisoformat(text).timestamp() * 1000)

    expected = {
        (str(row["id"]), ms(row["started_at"]), ms(row["finished_at"]))
        for row in recorded("pipelines")
        if row.get("started_at")
    }
    assert len(expected) > 10 and set(found) == expected


@real
def test_a_second_load_reads_listings_and_changes_nothing(instance: Any, loaded: Any) -> None:
    home = loaded("gitlab")
    before, last = content(home), instance.last
    home.load("gitlab")
    assert content(home) == before
    asked = instance.requests("gitlab", last)
    # Three for the clock, the projects and what GraphQL knows; of both projects one for the
    # environments, two listings (the window, the census) of four kinds, of pipelines the child
    # pipelines too; then what never ended: two pipelines with jobs and bridges, three deployments.
    unfinished = [row for row in recorded("pipelines") if row["status"] == "running"]
    going = {"created", "running", "blocked"}
    deployed = [row for row in recorded("deployments") if row["status"] in going]
    assert len(asked) == 3 + 2 * (1 + 2 * 5) + 3 * len(unfinished) + len(deployed)


@real
def test_day_by_day_equals_one_full_load(
    instance: Any, loaded: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = loaded("gitlab")
    expected = content(whole)
    monkeypatch.setenv("FLOWHOUSE_HOME", str(tmp_path / "other"))
    home = type(whole)(tmp_path / "other")
    moments = sorted(
        row[name][:19] + "+00:00"
        for kind in ("pipelines", "deployments", "merge_requests", "issues")
        for row in recorded(kind)
        for name in ("created_at", "updated_at", "merged_at")
        if row.get(name)
    )
    # Within the second of a change: what ends a moment later has to be followed.
    for moment in moments[:: len(moments) // 6]:
        instance.clock = moment
        home.load("gitlab")
    instance.clock = "2026-01-01T00:00:00Z"
    home.load("gitlab")
    assert home.rows("gitlab", "select object, id from gitlab.tombstones") == []
    assert content(home) == expected


@real
def test_l1_where_gitlab_refuses_the_offset_windows_are_halved(
    instance: Any, home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    instance.scenario("gitlab", offset_limit=15)
    set_bound(monkeypatch, "gitlab", "PAGE", 10)
    monkeypatch.setattr(windows, "BEGINNING", datetime(2019, 1, 1, tzinfo=UTC))
    last = instance.last
    work = home.load("gitlab")
    assert {audit.status for audit in work.audits} == {"complete"}
    found = counts(home)
    # Unlistable as a whole, and no window holds what has no time of an update.
    timeless = {row["id"] for row in recorded("pipelines") if not row["updated_at"]}
    expected = instance.counts("gitlab")
    expected["pipelines"] -= len(timeless)
    expected["jobs"] -= sum(job["pipeline"]["id"] in timeless for job in recorded("jobs"))
    assert timeless and found == expected
    refused = [r for r in instance.requests("gitlab", last) if r["status"] == 405]
    assert refused


@real
def test_no_person_is_named(instance: Any, loaded: Any) -> None:
    home = loaded("gitlab")
    names = {user[key] for user in recorded("users") for key in ("username", "name")}
    names |= {row["source_branch"] for row in recorded("merge_requests")} - {"master"}
    names |= {row["title"] for kind in ("merge_requests", "issues") for row in recorded(kind)}
    names |= {"EE-7121", "test-ci-build-1.2", "Data Team", "Champion::Data Team"}
    text = home.texts("gitlab")
    assert len(names) > 60
    assert {name for name in names if name in text} == set()
    assert "@" not in text


@real
def test_a_wrong_token_is_bad_configuration_and_named(
    instance: Any, home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from orchestration import gate

    monkeypatch.setenv("SOURCES__GITLAB__TOKEN", "wrong-token")
    with pytest.raises(gate.Stopped) as stopped:
        gate.check(gate.RefreshRequest())
    said = str(stopped.value)
    assert stopped.value.code == 2
    assert "SOURCES__GITLAB__TOKEN" in said and "wrong-token" not in said
    said = home.why_not("gitlab")
    assert "SOURCES__GITLAB__TOKEN" in said and "wrong-token" not in said


def test_missing_and_wrong_settings_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCES__GITLAB__BASE_URL", "http://127.0.0.1:9")
    with pytest.raises(SettingFault, match="SOURCES__GITLAB__TOKEN is not set"):
        gitlab.SOURCE.checked_settings()
    monkeypatch.setenv("SOURCES__GITLAB__TOKEN", "token")
    monkeypatch.setenv("SOURCES__GITLAB__PROJECTS", '["only-a-name"]')
    with pytest.raises(SettingFault, match="SOURCES__GITLAB__PROJECTS takes paths"):
        gitlab.SOURCE.checked_settings()


@real
def test_a_project_that_is_lost_keeps_its_rows(instance: Any, loaded: Any) -> None:
    home = loaded("gitlab")
    before = content(home)
    instance.mutate("gitlab", "hide_scope", "44")
    for _ in range(2):
        home.load("gitlab")
    assert content(home) == before
    assert home.rows("gitlab", "select object, id from gitlab.tombstones") == []


@real
def test_a_deleted_pipeline_gets_a_tombstone_and_stays(instance: Any, loaded: Any) -> None:
    home = loaded("gitlab")
    instance.mutate("gitlab", "delete", "73")
    home.load("gitlab")
    marks = "select object, id, state, gone_at is not null from gitlab.tombstones"
    assert home.rows("gitlab", marks) == [("pipelines", "73", "missed", False)]
    work = home.load("gitlab")
    assert home.rows("gitlab", marks) == [("pipelines", "73", "deleted", True)]
    assert audit_of(work, "pipelines", "merico/pip_test").deleted == 1
    assert counts(home)["pipelines"] == len(recorded("pipelines"))
    instance.mutate("gitlab", "restore", "73")
    home.load("gitlab")
    assert home.rows("gitlab", marks)[0][2] == "present"


@real
@pytest.mark.parametrize(
    "projects", ['["merico/*"]', '["44", "Merico/Pip_test", "merico/pip_test"]']
)
def test_projects_are_chosen_by_path_id_and_group(
    instance: Any, home: Any, monkeypatch: pytest.MonkeyPatch, projects: str
) -> None:
    monkeypatch.setenv("SOURCES__GITLAB__PROJECTS", projects)
    home.load("gitlab")
    expected = sum(row["project"] == 44 for row in recorded("pipelines"))
    assert counts(home)["pipelines"] == expected
    assert home.rows("gitlab", "select path from gitlab.projects") == [("merico/pip_test",)]


@real
def test_a_project_that_is_not_there_is_a_failed_scope(
    instance: Any, home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCES__GITLAB__PROJECTS", '["merico/pip_test", "no/where"]')
    work = home.load("gitlab")
    failed = audit_of(work, "projects", "no/where")
    assert (failed.status, "SOURCES__GITLAB__PROJECTS" in failed.message) == ("failed", True)
    assert counts(home)["pipelines"] == sum(r["project"] == 44 for r in recorded("pipelines"))


@real
def test_a_page_that_comes_again_is_an_error_and_no_endless_loop(instance: Any, home: Any) -> None:
    again = f'<{instance.url("gitlab")}/api/v4/projects/44/issues?page=1>; rel="next"'
    body = {
        "headers": {"Link": again, "X-Total": "2"},
        "status": 200,
        "body": [{"id": 1, "iid": 1}],
    }
    instance.fault("gitlab", "/projects/44/issues", times=100, **body)
    last = instance.last
    work = home.load("gitlab")
    audit = audit_of(work, "issues", "merico/pip_test")
    assert (audit.status, "pagination loop" in audit.message) == ("incomplete", True)
    assert sum("44/issues" in r["path"] for r in instance.requests("gitlab", last)) <= 3
    assert counts(home)["issues"] == len(recorded("issues"))


@real
def test_a_project_that_fails_does_not_stop_the_others(instance: Any, home: Any) -> None:
    instance.fault("gitlab", "/projects/44/pipelines", times=100, status=403)
    work = home.load("gitlab")
    assert audit_of(work, "pipelines", "merico/pip_test").status == "failed"
    assert counts(home)["deployments"] == len(recorded("deployments"))
    instance.control("DELETE", "faults")
    home.load("gitlab")
    assert counts(home) == instance.counts("gitlab")


# ------------------------------------------------------------------ an instance that changes


def at(minutes: float) -> str:
    """Return a time that lies so many minutes after the first of January."""
    return (datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)).isoformat()


class Instance(Api):
    """One project, made by each test; `after` acts between two answers."""

    name = "gitlab"

    def __init__(self) -> None:
        super().__init__()
        self.project = {"id": 7, "path_with_namespace": "org/api", "default_branch": "main"}
        self.rows: dict[str, list[dict[str, Any]]] = {}
        self.most_offset = 50_000
        self.statuses: dict[int, tuple[str, str]] | None = None
        self.status_type: str | None = "WorkItemStatus"
        self.graphql_fault: dict[str, Any] | None = None
        self.asked: list[str] = []
        self.queries: list[dict[str, Any]] = []
        self.after: list[tuple[str, Callable[[], None]]] = []
        self.lock = threading.Lock()
        self.route("GET", r"/api/v4/projects", lambda r, m: Response(200, [self.project]))
        self.route("GET", r"/api/v4/projects/7/(?P<path>.+)", self.answered)
        self.route("POST", r"/api/graphql", self.graphql)

    def refuse(self, request: Request) -> Response | None:
        is_good = request.headers.get("private-token") == "token"
        return None if is_good else Response(401, {"message": "401 Unauthorized"})

    def answer(self, request: Request) -> Response:
        target = f"{request.path}?{unquote(str(sorted(request.query.items())))}"
        with self.lock:
            self.asked.append(target)
            answer = super().answer(request)
            for entry in list(self.after):
                if re.search(entry[0], target):
                    self.after.remove(entry)
                    entry[1]()
        return answer

    def answered(self, request: Request, match: re.Match[str]) -> Response:
        path, query = match["path"], request.query
        kind, _, name = path.rpartition("/")
        rows = self.rows.get(path)
        if rows is None and name.isdigit():
            key = "id" if kind in ("pipelines", "deployments") else "iid"
            found = [row for row in self.rows.get(kind, []) if str(row[key]) == name]
            if not found:
                return Response(404, {"message": "404 Not found"})
            return Response(200, {"detailed_status": {}, **found[0]})
        rows = rows or []
        if path == "pipelines":
            # Child pipelines are shown to those only who ask for them.
            source = query.get("source")
            rows = [row for row in rows if (row["source"] == "parent_pipeline") == bool(source)]
            rows = [{k: v for k, v in row.items() if k != "started_at"} for row in rows]
        after, before = query.get("updated_after"), query.get("updated_before")
        if before:
            rows = [row for row in rows if row["updated_at"] <= before]
        if after:
            rows = [row for row in rows if row["updated_at"] > after]
        if query.get("order_by") == "updated_at":
            rows = sorted(rows, key=lambda row: (row["updated_at"], row["id"]))
        if path.endswith("/jobs") and query.get("include_retried") != "true":
            rows = [row for row in rows if not row.get("retried")]
        size, page = request.number("per_page", 20, 100), request.number("page", 1)
        if (page - 1) * size > self.most_offset:
            return Response(405, {"error": "Offset pagination has a maximum allowed offset"})
        headers = {"X-Total": str(len(rows))}
        if page * size < len(rows):
            rest = "&".join(f"{k}={v.replace('+', '%2B')}" for k, v in query.items() if k != "page")
            address = f"{request.base}/api/v4/projects/7/{path}?{rest}&page={page + 1}"
            headers["Link"] = f'<{address}>; rel="next", <{address}>; rel="last"'
        return Response(200, rows[(page - 1) * size : page * size], headers)

    def graphql(self, request: Request, match: re.Match[str]) -> Response:
        """Answer what types there are, and the statuses of work items in pages of two."""
        asked = json.loads(request.body)
        if "__type" in asked["query"]:
            if self.statuses is None:
                return Response(200, {"data": {"widget": None, "status": None}})
            widget = [{"name": "status", "type": {"name": self.status_type}}]
            named = [{"name": name, "type": {"name": None}} for name in ("id", "name", "category")]
            return Response(
                200, {"data": {"widget": {"fields": widget}, "status": {"fields": named}}}
            )
        if self.graphql_fault is not None:
            return Response(200, self.graphql_fault)
        self.queries.append(asked["variables"])
        iids, state = asked["variables"].get("iids"), asked["variables"].get("state")
        rows = [
            row
            for row in self.rows.get("issues", [])
            if (iids is None or str(row["iid"]) in iids) and state in (None, row["state"])
        ]
        start = int(asked["variables"]["after"] or 0)
        nodes = []
        for row in rows[start : start + 2]:
            name, category = self.statuses.get(row["iid"], (None, None))
            told = {"status": {"name": name, "category": category} if name else None}
            nodes.append({"id": f"gid://gitlab/WorkItem/{row['id']}", "widgets": [{}, told, {}]})
        page = {"hasNextPage": start + 2 < len(rows), "endCursor": str(start + 2)}
        found = {"workItems": {"pageInfo": page, "nodes": nodes}}
        return Response(200, {"data": {"project": found}})

    def add(self, kind: str, number: int, minute: float, **values: Any) -> dict[str, Any]:
        """Add a row of a kind; everything happened in its minute."""
        row = {
            "id": number, "iid": number, "status": "success", "state": "opened", "sha": "abc",
            "source": "push", "ref": "main", "created_at": at(minute), "updated_at": at(minute),
            "started_at": at(minute), "finished_at": at(minute + 1), **values,
        }  # fmt: skip
        self.rows.setdefault(kind, []).append(row)
        return row


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Iterator[Instance]:
    api = Instance()
    api.clock = Clock(int(NOW.timestamp()))
    server = Server(api, 0, api.clock, [], Faults())
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    monkeypatch.setenv("SOURCES__GITLAB__BASE_URL", f"{server.url}/api/v4/")
    monkeypatch.setenv("SOURCES__GITLAB__TOKEN", "token")
    yield api
    server.shutdown()
    server.server_close()


def test_l1_retried_and_cancelled_jobs_and_child_pipelines_are_loaded(
    scripted: Any, home: Any
) -> None:
    scripted.add("pipelines", 1, 0)
    scripted.add("pipelines", 2, 1, source="parent_pipeline", status="canceled")
    scripted.add("pipelines/1/jobs", 11, 0, name="test", stage="test", status="failed", retried=1)
    scripted.add("pipelines/1/jobs", 12, 2, name="test", stage="test")
    child = {"downstream_pipeline": {"id": 2, "project_id": 7}}
    scripted.add("pipelines/1/bridges", 13, 0, name="child", stage="deploy", **child)
    scripted.add("pipelines/2/jobs", 21, 1, name="deploy", stage="x", status="canceled")
    scripted.add("pipelines/2/jobs", 22, 1, name="smoke", stage="x", status="skipped")
    scripted.add("pipelines/2/jobs", 23, 1, name="prod", stage="x", status="manual")
    home.load("gitlab")
    found = home.rows("gitlab", "select pipeline_id, id, status from gitlab.jobs order by 2")
    assert found == [
        ("1", "11", "failed"),
        ("1", "12", "success"),
        ("2", "21", "canceled"),
        ("2", "22", "skipped"),
        ("2", "23", "manual"),
    ]
    assert statuses(home, "pipelines") == {"success": 1, "canceled": 1}
    bridge = "select pipeline_id, downstream_pipeline_id from gitlab.bridges"
    assert home.rows("gitlab", bridge) == [("1", "2")]
    # What waits for somebody is not asked for again; its start is an update.
    scripted.asked.clear()
    home.load("gitlab")
    assert not [target for target in scripted.asked if "/jobs" in target]


def seen(home: Any) -> list[tuple]:
    """Issue, day on which it was seen, status and category."""
    return home.rows(
        "gitlab",
        "select id, day(timezone('UTC', seen_at)), payload->>'$.status', payload->>'$.category'"
        " from gitlab.snapshots where object = 'issue_statuses' order by seen_at, id",
    )


def test_a_status_of_work_items_is_read_where_this_gitlab_has_one(scripted: Any, home: Any) -> None:
    for number in range(1, 6):
        scripted.add("issues", 100 + number, number, iid=number)
    scripted.add("issues", 106, 6, iid=6, state="closed")
    scripted.statuses = {1: ("To do", "to_do"), 2: ("In progress", "in_progress"),
                         3: ("Refining", "triage"), 6: ("Won't do", "canceled")}  # fmt: skip
    work = home.load("gitlab")
    first = [
        ("101", 10, "To do", "to_do"), ("102", 10, "In progress", "in_progress"),
        ("103", 10, "Refining", "triage"), ("106", 10, "Won't do", "canceled"),
    ]  # fmt: skip
    assert seen(home) == first
    assert audit_of(work, "issue_statuses", "org/api").extracted == 4
    # A move changes nothing that REST tells of.
    scripted.statuses[1] = ("In review", "in_progress")
    scripted.clock.advance(DAY * 60)
    scripted.queries.clear()
    home.load("gitlab")
    assert seen(home) == [*first, ("101", 11, "In review", "in_progress")]
    now = "select payload->>'$.status' from gitlab.issue_statuses where id = '101'"
    assert home.value("gitlab", now) == "In review"
    assert {query.get("state") for query in scripted.queries} == {"opened"}
    # What is closed is asked for when it changes.
    scripted.statuses[2] = ("Done", "done")
    scripted.rows["issues"][1] |= {"state": "closed", "updated_at": at(10.5 * DAY)}
    scripted.clock.advance(DAY * 60)
    home.load("gitlab")
    assert seen(home)[-1] == ("102", 12, "Done", "done")
    # One that looks as before is no news.
    scripted.clock.advance(DAY * 60)
    home.load("gitlab")
    assert len(seen(home)) == 6


@pytest.mark.parametrize("status_type", [None, "String"])
def test_a_gitlab_without_such_a_status_is_asked_for_labels_alone(
    scripted: Any, home: Any, status_type: str | None
) -> None:
    """Requirements once had a status of that name, a text."""
    if status_type:
        scripted.statuses, scripted.status_type = {1: ("To do", "to_do")}, status_type
    scripted.add("issues", 101, 1, iid=1)
    work = home.load("gitlab")
    assert scripted.queries == []
    assert {audit.status for audit in work.audits} == {"complete"}
    assert seen(home) == []


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ({"data": {"project": None}}, "failed"),
        ({"data": None, "errors": [{"message": "complex"}]}, "failed"),
        ({"data": {"project": {"workItems": {"pageInfo": {"hasNextPage": True, "endCursor": "2"},
                                             "nodes": []}}}}, "incomplete"),
    ],
)  # fmt: skip
def test_statuses_that_gitlab_does_not_give_hold_up_nothing_else(
    scripted: Any, home: Any, waits: list[float], fault: dict, status: str
) -> None:
    scripted.statuses, scripted.graphql_fault = {1: ("To do", "to_do")}, fault
    scripted.add("issues", 101, 1, iid=1)
    work = home.load("gitlab")
    assert audit_of(work, "issue_statuses", "org/api").status == status
    assert audit_of(work, "issues", "org/api").status == "complete"
    scripted.graphql_fault = None
    home.load("gitlab")
    assert seen(home) == [("101", 10, "To do", "to_do")]


def gaps(home: Any) -> list[tuple]:
    """Reason, beginning and end of the gaps, as days."""
    return home.rows(
        "gitlab",
        "select reason, timezone('UTC', gap_from)::date::text,"
        " timezone('UTC', gap_to)::date::text from gitlab.history_gaps"
        " where object = 'pipelines' and scope = 'org/api' order by gap_to",
    )


DAY = 24 * 60


@pytest.mark.parametrize(
    ("told", "said", "gap"),
    [
        # It is told to those only who may delete: before the oldest there may have been others.
        ({}, "this token cannot see it (maintainer)", ("oldest_shown", "2025-06-01", "2026-01-01")),
        ({"ci_delete_pipelines_in_seconds": None}, "for ever", (None, None, None)),
        (
            {"ci_delete_pipelines_in_seconds": 20 * 86400},
            "20 days",
            ("retention", "2025-06-01", "2025-12-21"),
        ),
        (
            {"ci_delete_pipelines_in_seconds": 5 * 86400},
            "5 days",
            ("retention", "2025-06-01", "2026-01-01"),
        ),
    ],
)
def test_since_when_pipelines_are_known(
    scripted: Any, home: Any, told: dict, said: str, gap: tuple
) -> None:
    scripted.project |= {"created_at": "2025-06-01T00:00:00Z", **told}
    answers = [probe.line for probe in doctor_probes(gitlab.SOURCE.read_settings())]
    assert f"org/api: for how long pipelines are kept: {said}" in answers
    scripted.add("pipelines", 1, 0)
    for _ in range(2):
        home.load("gitlab")
        assert gaps(home) == [gap]


def test_pipelines_that_gitlab_deletes_by_their_age_stay_and_are_not_missed(
    scripted: Any, home: Any
) -> None:
    week = {"ci_delete_pipelines_in_seconds": 7 * 86400}
    scripted.project |= {"created_at": at(0), **week}
    for number in range(1, 80):
        scripted.add("pipelines", number, number)
    for number in range(80, 90):
        scripted.add("pipelines", number, 8 * DAY + number)
    home.load("gitlab")
    scripted.rows["pipelines"] = scripted.rows["pipelines"][79:]
    for _ in range(2):
        assert {audit.status for audit in home.load("gitlab").audits} == {"complete"}
    assert home.value("gitlab", "select count(*) from gitlab.pipelines") == 89
    assert home.rows("gitlab", "select object, id from gitlab.tombstones") == []
    # One that is younger was deleted by somebody.
    del scripted.rows["pipelines"][1]
    for _ in range(2):
        home.load("gitlab")
    assert home.rows("gitlab", "select id, state from gitlab.tombstones") == [("81", "deleted")]


def test_pipelines_that_came_and_went_between_two_loads_are_a_gap(scripted: Any, home: Any) -> None:
    scripted.project |= {"created_at": at(0), "ci_delete_pipelines_in_seconds": 30 * 86400}
    scripted.add("pipelines", 1, 1)
    home.load("gitlab")
    assert gaps(home) == [(None, None, None)]
    scripted.clock.advance(90 * DAY * 60)
    scripted.rows["pipelines"] = []
    scripted.add("pipelines", 2, 80 * DAY)
    home.load("gitlab")
    assert gaps(home) == [("pause", "2026-01-09", "2026-03-11"), (None, None, None)]


def test_l1_what_cannot_be_listed_even_in_a_short_window_is_said(
    scripted: Any, home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_bound(monkeypatch, "gitlab", "PAGE", 5)
    monkeypatch.setattr(windows, "BEGINNING", datetime(2026, 1, 1, tzinfo=UTC))
    scripted.most_offset = 10
    for number in range(1, 41):
        # A few at first, then 30 in one minute.
        scripted.add("issues", number, min(number * 60, 600) + number / 60)
    scripted.add("pipelines", 1, 0)
    work = home.load("gitlab")
    audit = audit_of(work, "issues", "org/api")
    assert audit.status == "incomplete"
    assert "more issues in ten minutes than GitLab lists" in audit.message
    assert counts(home)["issues"] < 40 and counts(home)["pipelines"] == 1
    # Once GitLab lists them, nothing is missing.
    scripted.most_offset = 50_000
    home.load("gitlab")
    assert counts(home)["issues"] == 40


def test_l1_what_runs_is_followed_until_it_has_ended(scripted: Any, home: Any) -> None:
    pipeline = scripted.add("pipelines", 1, 0, status="running", finished_at=None)
    job = scripted.add("pipelines/1/jobs", 11, 0, name="t", status="running", finished_at=None)
    deployment = scripted.add("deployments", 5, 0, status="running", deployable={"id": 11})
    home.load("gitlab")
    sql = "select status, finished_at is null from gitlab."
    assert home.rows("gitlab", sql + "pipelines") == [("running", True)]
    # Nothing tells of the end: no update, as where it is dated back.
    pipeline |= {"status": "failed", "finished_at": at(5)}
    job |= {"status": "failed", "finished_at": at(4)}
    deployment |= {"status": "failed", "deployable": {"id": 11, "finished_at": at(4)}}
    home.load("gitlab")
    for table in ("pipelines", "jobs", "deployments"):
        assert home.rows("gitlab", sql + table) == [("failed", False)], table
    scripted.asked.clear()
    home.load("gitlab")
    assert not [target for target in scripted.asked if re.search(r"/(1|5)(/jobs)?\?", target)]


def test_a_job_that_outlives_its_pipeline_is_followed(scripted: Any, home: Any) -> None:
    scripted.add("pipelines", 1, 0, status="success")
    job = scripted.add("pipelines/1/jobs", 11, 0, name="clean", status="running")
    home.load("gitlab")
    job["status"] = "success"
    home.load("gitlab")
    assert statuses(home, "jobs") == {"success": 1}


def test_c1_rows_that_change_while_we_page_hide_no_other(
    scripted: Any, home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_bound(monkeypatch, "gitlab", "PAGE", 10)
    monkeypatch.setattr(Census, "is_due", lambda *_: False)
    for number in range(1, 36):
        scripted.add("issues", number, number)

    def change() -> None:
        # It leaves the window, and pulls the 11th to a page that was read already.
        scripted.rows["issues"][4]["updated_at"] = NOW.isoformat()

    scripted.after.append((r"/issues\?.*updated_before", change))
    home.load("gitlab")
    found = [n for (n,) in home.rows("gitlab", "select iid from gitlab.issues order by 1")]
    assert set(range(1, 36)) - set(found) <= {5}
    scripted.rows["issues"][4]["updated_at"] = at(60 * 24 * 9 - 10)
    home.load("gitlab")
    assert counts(home)["issues"] == 35


def test_a_late_row_is_found_by_the_census(scripted: Any, home: Any) -> None:
    scripted.add("issues", 1, 0)
    home.load("gitlab")
    # Its update lies long before the last window, as after a restored backup.
    scripted.add("issues", 2, 1)
    scripted.rows["issues"][0]["state"] = "closed"
    home.load("gitlab")
    assert statuses(home, "issues") == {"opened": 1, "closed": 1}


def test_a_long_first_load_is_committed_in_windows(
    scripted: Any, home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_bound(monkeypatch, "gitlab", "MOST_IN_WINDOW", 20)
    set_bound(monkeypatch, "gitlab", "PAGE", 10)
    for number in range(1, 61):
        scripted.add("issues", number, number * 60)
    work = home.load("gitlab")
    assert work.windows > 2 and counts(home)["issues"] == 60
    assert audit_of(work, "issues", "org/api").status == "complete"
    # Each issue was read once, window by window.
    events = [target for target in scripted.asked if "resource_state_events" in target]
    assert len(events) == 60


@pytest.mark.parametrize("is_full", [True, False], ids=["full", "backfill"])
def test_a_full_load_and_a_backfill_read_again_what_is_loaded_already(
    scripted: Any, home: Any, is_full: bool
) -> None:
    for number in (1, 2):
        scripted.add("merge_requests", number, number * 1440, title="x")
    home.load("gitlab")
    for number in (1, 2):
        place = f"merge_requests/{number}/notes"
        scripted.add(place, number, number, system=False, author={"id": 3})
    home.load("gitlab")
    assert home.value("gitlab", "select count(*) from gitlab.merge_request_notes") == 0
    span = windows.Window(datetime(2026, 1, 3, tzinfo=UTC), datetime(2026, 1, 4, tzinfo=UTC))
    load("gitlab", "a-refresh", full=is_full, span=None if is_full else span)
    found = home.rows("gitlab", "select id from gitlab.merge_request_notes order by 1")
    assert found == ([("1",), ("2",)] if is_full else [("2",)])


def test_a_renamed_project_is_read_again_under_its_new_path(scripted: Any, home: Any) -> None:
    scripted.add("pipelines", 1, 0)
    scripted.add("merge_requests", 2, 0, title="x")
    home.load("gitlab")
    scripted.project["path_with_namespace"] = "org/payments-api"
    home.load("gitlab")
    for table in ("pipelines", "merge_requests"):
        sql = f"select id, project from gitlab.{table}"
        assert [path for _, path in home.rows("gitlab", sql)] == ["org/payments-api"]


def test_a_start_date_leaves_older_rows_out(
    scripted: Any, home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(1, 9):
        scripted.add("issues", number, number * 1440)
    monkeypatch.setenv("SOURCES__GITLAB__START_DATE", "2026-01-06")
    for _ in range(2):
        home.load("gitlab")
    assert counts(home)["issues"] == 4


def test_merge_requests_say_when_they_were_reviewed_and_not_what_was_said(
    scripted: Any, home: Any
) -> None:
    ada = {"id": 3, "username": "ada-lovelace", "name": "Ada Lovelace"}
    bot = {"id": 4, "username": "project_7_bot_0f", "name": "Deploy"}
    scripted.add(
        "merge_requests", 1, 0, title='Revert "PAY-12 ask Ada"', description="Closes #9, see OPS-3",
        source_branch="ada/hotfix-login", target_branch="main", author=bot, draft=True,
        labels=["lovelace", "workflow::in review"], merge_commit_sha="fff",
    )  # fmt: skip
    texts = [
        (True, "marked this merge request as **draft**"),
        (True, "marked this merge request as **ready**"),
        (True, "requested review from @ada-lovelace"),
        (False, "Ada, please look"),
        (True, "approved this merge request"),
        (True, "unapproved this merge request"),
    ]
    for number, (system, body) in enumerate(texts, 20):
        place = "merge_requests/1/notes"
        scripted.add(place, number, number, system=system, body=body, author=ada)
    scripted.add("merge_requests/1/resource_state_events", 30, 9, state="closed", user=ada)
    scripted.add(
        "merge_requests/1/commits", "c1", 0, message="ops-4 ask lovelace\n\nPAY-13 too, and #8"
    )
    home.load("gitlab")
    kinds = [
        k for (k,) in home.rows("gitlab", "select kind from gitlab.merge_request_notes order by id")
    ]
    assert kinds == ["draft", "ready", "comment", "approved", "unapproved"]
    [(text,)] = home.rows("gitlab", "select payload from gitlab.merge_requests")
    payload = json.loads(text)
    assert payload["issue_keys"] == ["PAY-12", "OPS-3", "PAY-13", "org/api#9", "org/api#8"]
    assert payload["typed_keys"] == ["OPS-4"]
    assert (payload["is_revert"], payload["is_hotfix"]) == (True, True)
    assert payload["author"]["actor_type"] == "bot"
    assert payload["labels"] == ["workflow::in review"]
    states = "select merge_request_id, state from gitlab.merge_request_state_events"
    assert home.rows("gitlab", states) == [("1", "closed")]
    assert "lovelace" not in home.texts("gitlab").lower()


def test_a_merge_request_has_one_word_for_what_wrote_its_commits(scripted: Any, home: Any) -> None:
    trailer = "Work\n\nCo-Authored-By: Claude <noreply@anthropic.com>"
    told = [
        {"message": "Work", "author_name": "Lovelace", "author_email": "lovelace@example.com"},
        {"message": trailer, "author_name": "Lovelace", "author_email": "lovelace@example.com"},
        {"message": "Work", "author_name": "Cursor", "author_email": "cursoragent@cursor.com"},
        {"title": "Work"},
    ]
    for number, commit in enumerate(told, 1):
        scripted.add("merge_requests", number, number, author={"id": 3, "username": "lovelace"})
        scripted.add(f"merge_requests/{number}/commits", f"c{number}", number, **commit)
    scripted.add("merge_requests", 5, 5, author={"id": 4, "username": "GitLabDuo"})
    home.load("gitlab")
    words = "select id, payload->>'$.ai_assistance' from gitlab.merge_requests order by 1"
    assert home.rows("gitlab", words) == [
        ("1", "none"), ("2", "assisted"), ("3", "agent"), ("4", "unknown"), ("5", "agent"),
    ]  # fmt: skip
    texts = home.texts("gitlab").lower()
    assert [name for name in ("claude", "cursor", "lovelace", "gitlabduo") if name in texts] == []


def test_a_job_keeps_its_tags_and_the_type_of_its_runner(scripted: Any, home: Any) -> None:
    runner = {"id": 1, "description": "lovelace's machine", "runner_type": "instance_type"}
    scripted.add("pipelines", 1, 0)
    scripted.add("pipelines/1/jobs", 1, 0, name="test", tag_list=["docker"], runner=runner)
    scripted.add("pipelines/1/jobs", 2, 0, name="lint", runner=None)
    home.load("gitlab")
    labels = "select payload->'$.labels' from gitlab.jobs order by id"
    assert home.rows("gitlab", labels) == [('["docker","instance_type"]',), ("[]",)]
    assert "lovelace" not in home.texts("gitlab")


def test_issues_have_their_state_and_stage_label_events(scripted: Any, home: Any) -> None:
    scripted.add("issues", 1, 0, labels=["lovelace", "workflow::in dev", "type::bug"], weight=3)
    for number, (action, label) in enumerate(
        [("add", "workflow::in dev"), ("add", "lovelace"), ("remove", "workflow::in dev")], 40
    ):
        scripted.add(
            "issues/1/resource_label_events", number, number, action=action, label={"name": label}
        )
    # The label of this one was deleted since.
    scripted.add("issues/1/resource_label_events", 50, 50, action="add", label=None)
    scripted.add("issues/1/resource_state_events", 60, 60, state="closed")
    home.load("gitlab")
    labels = "select id, action, label from gitlab.issue_label_events order by id"
    assert home.rows("gitlab", labels) == [
        ("40", "add", "workflow::in dev"),
        ("42", "remove", "workflow::in dev"),
    ]
    states = "select issue_id, state from gitlab.issue_state_events"
    assert home.rows("gitlab", states) == [("1", "closed")]
    assert "lovelace" not in home.texts("gitlab").lower()


def test_a_deployment_ends_with_its_job_or_with_its_last_change(scripted: Any, home: Any) -> None:
    place = {"environment": {"id": 1, "name": "production"}}
    job = {"id": 9, "status": "success", "started_at": at(1), "finished_at": at(3)}
    scripted.add("deployments", 1, 5, deployable=job, **place)
    scripted.add("deployments", 2, 7, deployable=None, **place)
    scripted.add("deployments", 3, 8, status="running", deployable=None, **place)
    skipped = {"id": 10, "status": "skipped", "finished_at": None}
    scripted.add("deployments", 4, 9, status="failed", deployable=skipped, **place)
    home.load("gitlab")
    found = home.rows("gitlab", "select id, finished_at from gitlab.deployments order by id")
    minute = [
        ended and (ended - datetime(2026, 1, 1, tzinfo=UTC)).seconds / 60 for _, ended in found
    ]
    assert minute == [3, 7, None, 9]


def test_what_gitlab_says_that_a_deployment_brought_is_loaded_once_it_succeeded(
    scripted: Any, home: Any
) -> None:
    place = {"environment": {"id": 1, "name": "production"}}
    scripted.add("deployments", 1, 5, deployable=None, **place)
    scripted.add("deployments", 2, 6, status="failed", deployable=None, **place)
    for number, deployment in ((11, 1), (12, 1), (13, 2)):
        scripted.add(f"deployments/{deployment}/merge_requests", number, 1)
    home.load("gitlab")
    sql = "select deployment_id, merge_request_id from gitlab.deployment_merge_requests order by 2"
    assert home.rows("gitlab", sql) == [("1", "11"), ("1", "12")]
    assert not [target for target in scripted.asked if "deployments/2/merge_requests" in target]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("production", "production"),
        ("review/main", "review/main"),
        ("review/ada-fix", "review/branch-"),
        ("review-ada-fix", "review/branch-"),
        ("preview/ada-fix", "preview/branch-"),
        ("aws/production", "aws/production"),
        ("eu/prod-2", "eu/prod-2"),
        ("eu-west-1", "eu-west-1"),
        (None, None),
    ],
)
def test_an_environment_keeps_its_name_but_not_the_branch_in_it(name: Any, shown: Any) -> None:
    found = shown_environment("gitlab", name)
    assert found == shown or ((found or "").startswith(shown or "-") and "ada-" not in found)


@pytest.mark.parametrize("name", ["main", "v1.2.3", "release/1.4", "refs/merge-requests/9/head"])
def test_usual_refs_are_shown(name: str) -> None:
    assert shown_ref(name) == name


@pytest.mark.parametrize("name", ["ada-lovelace/fix", "PAY-1-call-ada", "hotfix/ada", "main-ada"])
def test_other_refs_are_hashes(name: str) -> None:
    found = shown_ref(name)
    assert re.fullmatch(r"branch-[a-z2-7]{20}", found) and shown_ref(name) == found
    assert shown_ref(name, default=name) == name

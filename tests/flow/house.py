"""A house of hand-written raw rows: raw files as the extraction leaves them, built by dbt.

Histories are written as people tell them, one line per change:

    2024-03-04 09:00 created in Backlog
    2024-03-04 10:00 In Progress
    2024-03-05 10:00 Flagged: Impediment     a field and its new value
    2024-03-05 12:00 Flagged:                a field that is emptied
    2024-03-06 10:00 Done <- In Review       what the source recorded as the status before
    2024-03-06 10:00 Done @robot             who did it; `robot` is a bot
"""

import os
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from extract.load import AUDIT_COLUMNS
from extract.sources import SOURCES
from extract.tables import ARROW_TYPES
from publish.quality import unproven

PROJECT = Path(__file__).parents[2] / "dbt_project"
SEEDS = Path(__file__).with_name("seeds")
DBT = Path(sys.executable).with_name("dbt")

LINE = re.compile(
    r"(?P<at>\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)?) "
    r"((?P<field>Flagged|Key|Team|Parent|issuetype|priority):)? ?(?P<to>[^<@]*)"
    r"(<- (?P<before>[^@]+))?(@(?P<who>\w+))?$"
)

Rows = dict[tuple[str, str], list[dict[str, Any]]]


@dataclass
class Change:
    """One line of a history."""

    at: datetime
    field: str | None
    to: str
    before: str | None
    who: str


def moment(text: str) -> datetime:
    """Return `2024-03-04 09:00` or `2024-03-04 09:00:20` as a UTC instant."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def changes(history: str) -> list[Change]:
    """Return the lines of a history."""
    found = []
    for line in filter(None, map(str.strip, history.splitlines())):
        match = LINE.match(line)
        assert match, f"not a line of a history: {line}"
        to, before = match["to"].strip(), match["before"]
        found.append(
            Change(
                moment(match["at"]), match["field"], to, before and before.strip(),
                match["who"] or "ann",
            )
        )  # fmt: skip
    return found


@dataclass
class Issue:
    """A Jira issue: its history, and what Jira shows where that is something else.

    Attributes:
        key: Key at its creation; also its immutable id.
        history: The lines; the first one says in which status it was created, and when.
        kind: Issue type now, unless the history changes it.
        shown: Status that Jira shows, when it is not the one that the history ends with.
        updated: When Jira says it changed last.
        resolved: Resolution date.
        deleted: When a census no longer found it.
        is_created_known: Whether Jira says when it was created.
    """

    key: str
    history: str
    kind: str = "Story"
    team: str | None = None
    parent: str | None = None
    shown: str | None = None
    updated: str | None = None
    resolved: str | None = None
    deleted: str | None = None
    is_created_known: bool = True

    def rows(self) -> Rows:
        """Return the raw rows of the issue and of its changelog."""
        born, *moves = changes(self.history)
        status = born.to.removeprefix("created in ").strip()
        now = {
            "Key": self.key, "issuetype": self.kind, "Team": self.team, "Parent": self.parent,
            "Flagged": None, "priority": None,
        }  # fmt: skip
        histories = []
        for no, change in enumerate(moves, 1):
            if change.field:
                before, now[change.field] = now[change.field], change.to or None
                name = change.field
            else:
                before, status, name = change.before or status, change.to, "status"
            ids = (
                {"from": before, "to": change.to or None}
                if name == "Parent"
                else {"from": None, "to": None}
            )
            histories.append(
                {
                    "id": str(no),
                    "issue_id": self.key,
                    "created_at": change.at,
                    "item_count": 1,
                    "payload": {
                        "author": {
                            "person_key": change.who,
                            "actor_type": "bot" if change.who == "robot" else "human",
                        },
                        "items": [
                            {"field": name, "fromString": before, "toString": change.to, **ids}
                        ],
                    },
                }
            )
        project = now["Key"].split("-")[0]
        updated = moment(self.updated) if self.updated else (moves or [born])[-1].at
        payload = {
            "fields": {
                "issuetype": {"name": now["issuetype"]},
                "status": {"name": self.shown or status},
                "team": {"name": now["Team"]} if now["Team"] else None,
                "parent": {"id": now["Parent"]} if now["Parent"] else None,
                "resolutiondate": self.resolved and moment(self.resolved).isoformat(),
            },
        }
        issue = {
            "id": self.key,
            "key": now["Key"],
            "project_id": project,
            "project_key": project,
            "created_at": born.at if self.is_created_known else None,
            "updated_at": updated,
            "payload": payload,
        }
        rows = {("jira", "issues"): [issue], ("jira", "histories"): histories}
        if self.deleted:
            rows["jira", "tombstones"] = [
                {
                    "object": "issues",
                    "id": self.key,
                    "state": "deleted",
                    "missed_at": moment(self.deleted),
                    "gone_at": moment(self.deleted),
                    "payload": {},
                }
            ]
        return rows


@dataclass
class Incident:
    """A ServiceNow incident with the audit of its state; the history as for an issue."""

    number: str
    history: str
    is_audited: bool = True
    closed: str | None = None
    service: str | None = None
    caused_by: str | None = None

    def rows(self) -> Rows:
        """Return the raw rows of the record and of its audit."""
        born, *moves = changes(self.history)
        status = born.to.removeprefix("created in ").strip()
        audits = []
        for no, change in enumerate(moves, 1):
            audits.append(
                {
                    "sys_id": f"{self.number}-{no}",
                    "table_name": "incident",
                    "document_id": self.number,
                    "field_name": "state",
                    "sys_created_at": change.at,
                    "record_checkpoint": no,
                    "payload": {
                        "oldvalue": status,
                        "newvalue": change.to,
                        "user": {"person_key": change.who, "actor_type": "human"},
                    },
                }
            )
            status = change.to
        stamp = "%Y-%m-%d %H:%M:%S"
        record = {
            "sys_id": self.number,
            "number": self.number,
            "sys_created_at": born.at,
            "sys_updated_at": (moves or [born])[-1].at,
            "payload": {
                "state": status,
                "opened_at": born.at.strftime(stamp),
                "closed_at": self.closed and moment(self.closed).strftime(stamp),
                "business_service": self.service,
                "caused_by": self.caused_by,
            },
        }
        rows: Rows = {("servicenow", "incidents"): [record]}
        if self.is_audited:
            rows["servicenow", "audits"] = audits
        return rows


@dataclass
class ChangeRequest:
    """A ServiceNow change that names its deployment by the id that the tool gave it."""

    number: str
    opened: str
    deployment: str

    def rows(self) -> Rows:
        """Return the raw row of the record."""
        record = {
            "sys_id": self.number,
            "number": self.number,
            "sys_created_at": moment(self.opened),
            "sys_updated_at": moment(self.opened),
            "payload": {"state": "New", "correlation_id": self.deployment},
        }
        return {("servicenow", "change_requests"): [record]}


@dataclass
class Service:
    """A service of ServiceNow's."""

    name: str

    def rows(self) -> Rows:
        """Return its raw row."""
        return {
            ("servicenow", "services"): [{"sys_id": self.name, "name": self.name, "payload": {}}]
        }


@dataclass
class GitHubIssue:
    """An issue of GitHub.

    Attributes:
        number: Number, and its immutable id.
        created: When it was created.
        events: Entries of its timeline: when, type, and what else is told of it.
        seen: When loads saw it with which status on project `board`, whose events are not told.
        closed: When it was closed, and why.
    """

    number: int
    created: str
    events: tuple[tuple[str, str, dict[str, str]], ...] = ()
    seen: tuple[tuple[str, str], ...] = ()
    closed: tuple[str, str] | None = None

    def rows(self) -> Rows:
        """Return the raw rows of the issue, its timeline and its place on the project."""
        key, who = f"I{self.number}", {"person_key": "ann", "actor_type": "human"}
        events = [
            {
                "id": f"{key}-{no}",
                "issue_id": key,
                "type": kind,
                "created_at": moment(at),
                "payload": {"actor": who, **facts},
            }
            for no, (at, kind, facts) in enumerate(self.events, 1)
        ]
        last = max((event["created_at"] for event in events), default=moment(self.created))
        issue = {
            "id": key,
            "repository": "elsewhere/board",
            "number": self.number,
            "state": "closed" if self.closed else "open",
            "created_at": moment(self.created),
            "updated_at": last,
            "closed_at": self.closed and moment(self.closed[0]),
            "payload": {"stateReason": self.closed and self.closed[1], "labels": []},
        }
        rows: Rows = {("github", "issues"): [issue], ("github", "issue_events"): events}
        for at, status in self.seen:
            item = {"type": "ISSUE", "status": status}
            stands = {"id": f"T{self.number}", "project_id": "board", "content_id": key}
            rows["github", "project_items"] = [
                {**stands, "updated_at": moment(at), "payload": item}
            ]
            rows.setdefault(("github", "snapshots"), []).append(
                {
                    "object": "project_items",
                    "id": f"T{self.number}",
                    "seen_at": moment(at),
                    "payload": item,
                }
            )
        return rows


@dataclass
class Deployment:
    """A deployment of the merge commit of a pull request to production.

    Attributes:
        ended: When its outcome was told; else at once.
    """

    id: str
    number: int
    at: str
    state: str = "success"
    repository: str = "lab/app"
    ended: str | None = None

    def rows(self) -> Rows:
        """Return the raw rows of the deployment and its outcome."""
        at = moment(self.at)
        return {
            ("github", "deployments"): [
                {
                    "id": self.id,
                    "repository": self.repository,
                    "sha": f"{self.number:040x}",
                    "environment": "production",
                    "created_at": at,
                    "updated_at": at,
                    "payload": {},
                }
            ],
            ("github", "deployment_statuses"): [
                {
                    "status_key": self.id,
                    "deployment_id": self.id,
                    "state": self.state,
                    "created_at": moment(self.ended or self.at),
                    "payload": {},
                }
            ],
        }


@dataclass
class Delivery:
    """A merged pull request that names issues, and its deployment to production."""

    number: int
    issues: tuple[str, ...]
    first_commit: str
    opened: str
    merged: str
    deployed: str | None
    repository: str = "lab/app"
    is_hotfix: bool = False

    def rows(self) -> Rows:
        """Return the raw rows of the pull request, its commit and its deployment."""
        pull, sha = f"P{self.number}", f"{self.number:040x}"
        rows: Rows = {
            ("github", "pull_requests"): [
                {
                    "id": pull,
                    "repository": self.repository,
                    "number": self.number,
                    "state": "closed",
                    "created_at": moment(self.opened),
                    "updated_at": moment(self.merged),
                    "payload": {
                        "mergedAt": moment(self.merged).isoformat(),
                        "closedAt": moment(self.merged).isoformat(),
                        "mergeCommitOid": sha,
                        "headRefOid": sha,
                        "author": {"person_key": "ann", "actor_type": "human"},
                        "issue_keys": list(self.issues),
                        "is_hotfix": self.is_hotfix,
                        "events": [],
                    },
                }
            ],
            ("github", "pull_request_commits"): [
                {
                    "pull_request_id": pull,
                    "sha": sha,
                    "repository": self.repository,
                    "authored_at": moment(self.first_commit),
                    "committed_at": moment(self.first_commit),
                    "payload": {"author": {"person_key": "ann", "actor_type": "human"}},
                }
            ],
        }
        if self.deployed:
            rows |= Deployment(pull, self.number, self.deployed, repository=self.repository).rows()
        return rows


def merged(items: Iterable[Any]) -> Rows:
    """Return the raw rows of several items."""
    rows: Rows = defaultdict(list)
    for item in items:
        for table, more in item.rows().items():
            rows[table] += more
    return rows


def shifted(rows: Rows, by: timedelta) -> Rows:
    """Return the same rows with every instant, typed or in a payload, moved."""
    iso = re.compile(r"^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\+00:00)?$")

    def move(value: Any) -> Any:
        if isinstance(value, datetime):
            return value + by
        if isinstance(value, dict):
            return {name: move(part) for name, part in value.items()}
        if isinstance(value, list):
            return [move(part) for part in value]
        if isinstance(value, str) and iso.match(value):
            moved = datetime.fromisoformat(value) + by
            return moved.isoformat(sep=value[10])
        return value

    return {table: [move(row) for row in some] for table, some in rows.items()}


def write_raw(folder: Path, rows: Mapping[tuple[str, str], list[dict]]) -> None:
    """Write the raw files of all sources, with the tables and columns of the extraction."""
    folder.mkdir(parents=True, exist_ok=True)
    for source, module in SOURCES.items():
        path = folder / f"raw_{source}.duckdb"
        path.unlink(missing_ok=True)
        with duckdb.connect(str(path)) as raw:
            raw.execute(f"create schema {source}")
            for table in module.TABLES:
                batch = table.batch(rows.get((source, table.name), []))
                raw.register("batch", batch)
                raw.execute(
                    f"create table {source}.{table.name} as"
                    " select *, 'first' as _dlt_load_id from batch"
                )
                raw.unregister("batch")
            columns = [pa.field(name, ARROW_TYPES[kind]) for name, kind in AUDIT_COLUMNS.items()]
            raw.register("audits", pa.schema(columns).empty_table())
            raw.execute(f"create table {source}.load_audits as select * from audits")


def copy_project(to: Path) -> Path:
    """Copy the dbt project with the seeds of the golden company; return the copy."""
    shutil.copytree(PROJECT, to, ignore=shutil.ignore_patterns("target", "logs"))
    shutil.copytree(SEEDS, to / "seeds" / "golden")
    mapping = to / "seeds" / "golden" / "status_stages.csv"
    with (to / "seeds" / "defaults" / "status_stages.csv").open("a") as defaults:
        defaults.write(mapping.read_text())
    mapping.unlink()
    return to


@dataclass
class House:
    """A home with a project, its raw files, and what dbt built of them.

    dbt is told of all of them relative to the project: what it has parsed in one home holds in
    every other one, so a copy of a project that was built before need not be parsed again.
    """

    home: Path
    as_of: str

    @property
    def project(self) -> Path:
        """The dbt project of this home."""
        return self.home / "project"

    def dbt(self, *words: str, **environment: str) -> subprocess.CompletedProcess:
        """Run dbt; every test that failed is in what it printed."""
        return subprocess.run(
            [DBT, "--no-use-colors", *words],
            cwd=self.project,
            env={
                **os.environ,
                "FLOWHOUSE_COMPANY": "golden",
                "FLOWHOUSE_BUILD": "../build.duckdb",
                "FLOWHOUSE_RAW": "../raw",
                "FLOWHOUSE_AS_OF": self.as_of,
                "FLOWHOUSE_REFRESH_ID": "golden",
                "DBT_PROJECT_DIR": str(self.project),
                "DBT_PROFILES_DIR": str(self.project),
                "DBT_TARGET_PATH": str(self.project / "target"),
                "DBT_LOG_PATH": str(self.home / "logs"),
                "DBT_LOG_LEVEL_FILE": "none",
                **environment,
            },
            capture_output=True,
            text=True,
            check=False,
        )

    def rows(self, sql: str, parameters: list | None = None) -> list[tuple]:
        """Return what a query finds in the working warehouse."""
        with duckdb.connect(str(self.home / "build.duckdb"), read_only=True) as build:
            return build.execute(sql, parameters or []).fetchall()


def built(home: Path, rows: Rows, as_of: str) -> House:
    """Write raw files, build everything on them with all tests, and return the house.

    Raises:
        AssertionError: A model or a test of the project failed.
    """
    write_raw(home / "raw", rows)
    copy_project(home / "project")
    house = House(home, as_of)
    done = house.dbt("build")
    assert done.returncode == 0, done.stdout[-6000:]
    target = house.project / "target"
    gap = unproven(target / "run_results.json", target / "manifest.json")
    assert not gap, gap
    return house


def told(seconds: int | None) -> str:
    """Return a duration in the largest unit that fits: 26h, 90m, 20s; a dash for none."""
    if seconds is None:
        return "-"
    for unit, size in (("h", 3600), ("m", 60)):
        if seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"

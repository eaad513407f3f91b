"""A scratch warehouse: hand-written raw rows in files as the extraction leaves them, built by dbt.

Histories are written as people tell them, one line per change:

    2024-03-04 09:00 created in Backlog
    2024-03-04 10:00 In Progress
    2024-03-05 10:00 Flagged: Impediment     a field and its new value
    2024-03-05 12:00 Flagged:                a field that is emptied
    2024-03-06 10:00 Done <- In Review       what the source recorded as the status before
    2024-03-06 10:00 Done @robot             who did it; `robot` is a bot
"""

import json
import os
import re
import shutil
import subprocess
import sys
import zlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from extract.load import AUDIT_COLUMNS
from extract.sources import SOURCES
from extract.sources.feeds.client import lines
from extract.sources.feeds.rows import FEEDS, heading_of, raw_row, values_of
from extract.sources.jira.chains import Chain
from extract.sources.jira.rows import History
from extract.sources.jira.rows import Rows as JiraRows
from extract.tables import ARROW_TYPES, decode
from publish.quality import unproven

PROJECT = Path(__file__).parents[2] / "dbt_project"
SEEDS = Path(__file__).with_name("seeds")
DBT = (sys.executable, "-P", "-m", "orchestration.quick_dbt")

LINE = re.compile(
    r"(?P<at>\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)?) "
    r"((?P<field>Flagged|Key|Team|Parent|issuetype|priority|points|[a-z]+_[a-z]+|approval):)? ?"
    r"(?P<to>[^<@]*)"
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


CATALOGUE = [
    {"id": "customfield_10001", "name": "Team", "schema": {"custom": "x:atlassian-team"}},
    {"id": "customfield_10014", "name": "Epic Link", "schema": {"custom": "x:gh-epic-link"}},
    {"id": "customfield_10016", "name": "Points", "schema": {"custom": "x:jsw-story-points"}},
    {
        "id": "customfield_10021",
        "name": "Flagged",
        "schema": {"type": "array", "custom": "x:multicheckboxes"},
    },
]
"""Custom fields of the site, as its catalogue of fields tells them."""

FIELD_FORMS: dict[str, tuple[tuple[str, str, str | None], ...]] = {
    # (name, type, id): Cloud, Data Center, and Cloud where the site has another language
    "status": (("status", "jira", "status"), ("status", "jira", None), ("Stand", "jira", "status")),
    "issuetype": (
        ("issuetype", "jira", "issuetype"), ("issuetype", "jira", None),
        ("Vorgangstyp", "jira", "issuetype"),
    ),
    "priority": (
        ("priority", "jira", "priority"), ("priority", "jira", None),
        ("Rang", "jira", "priority"),
    ),
    "Key": (("Key", "jira", "issuekey"), ("Key", "jira", None), ("Vorgang", "jira", "issuekey")),
    "project": (
        ("project", "jira", "project"), ("Project", "jira", None), ("Projekt", "jira", "project"),
    ),
    "Parent": (
        ("IssueParentAssociation", "jira", None), ("Epic Link", "custom", None),
        ("Vater", "jira", "parent"),
    ),
    "Team": (
        ("Team", "custom", "customfield_10001"), ("Team", "custom", None),
        ("Gruppe", "custom", "customfield_10001"),
    ),
    "points": (
        ("Points", "custom", "customfield_10016"), ("Points", "custom", None),
        ("Punkte", "custom", "customfield_10016"),
    ),
    "Flagged": (
        ("Flagged", "custom", "customfield_10021"), ("Flagged", "custom", None),
        ("Gehisst", "custom", "customfield_10021"),
    ),
}  # fmt: skip
"""How the API names a field in histories; every history of every item takes the next form."""


RENAMED = {"OLDMOV": "MOV"}
"""Keys that projects had before they were renamed."""


def project_id(key: str) -> str:
    """Return the id of the project that has a key, or had it."""
    return str(zlib.crc32(RENAMED.get(key, key).encode()))


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
        form: Which form its first history has: 0 Cloud, 1 Data Center, 2 translated.
        told: What tells of a move: `both`, the `keys` of the issue or the `projects`; with
            `keys`, a parent is told by its key alone.
        points: Story points now, unless the history changes them.
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
    form: int | None = None
    told: str = "both"
    points: str | None = None

    def items(self, change: Change, before: str | None, no: int) -> list[dict[str, Any]]:
        """Return what the API tells of one change, in the form of this history."""
        name, to = change.field or "status", change.to
        form = (sum(map(ord, self.key)) if self.form is None else self.form) + no - 1

        def item(name: str, *values: str | None) -> dict[str, Any]:
            field, fieldtype, field_id = FIELD_FORMS[name][form % 3]
            told = dict(zip(("from", "fromString", "to", "toString"), values, strict=True))
            return {
                "field": field, "fieldtype": fieldtype,
                **({"fieldId": field_id} if field_id else {}), **told,
            }  # fmt: skip

        def id_of(value: str | None) -> str | None:
            return str(zlib.crc32(value.encode())) if value else None

        if name == "Key":
            old, new = (str(key).split("-")[0] for key in (before, to))
            moved = [
                item("Key", None, before, None, to),
                item("project", project_id(old), f"The {old}", project_id(new), f"The {new}"),
            ]
            return {"both": moved, "keys": moved[:1], "projects": moved[1:]}[self.told]
        if name == "Parent":
            ids = (None, None) if self.told == "keys" else (before, to or None)
            return [item(name, ids[0], before, ids[1], to or None)]
        if name == "Flagged":
            return [item(name, "[1]" if before else "", before or "", "[1]" if to else "", to)]
        if name == "points":
            return [item(name, None, before, None, to or None)]
        # A custom field without a role, named like one of Jira's own, is none of them.
        lookalike = {
            "field": name, "fieldtype": "custom", "fieldId": "customfield_9",
            "from": "1", "fromString": "Lookalike", "to": "2", "toString": "Lookalike",
        }  # fmt: skip
        shown = item(name, id_of(before), before, id_of(to), to)
        return [shown, lookalike] if name == "priority" else [shown]

    def rows(self) -> Rows:
        """Return the raw rows of the issue and of its changelog.

        The changelog takes the way through the extraction: what that drops, no model can have.
        """
        made = JiraRows(CATALOGUE)
        born, *moves = changes(self.history)
        status = born.to.removeprefix("created in ").strip()
        now = {
            "Key": self.key, "issuetype": self.kind, "Team": self.team, "Parent": self.parent,
            "Flagged": None, "priority": None, "points": self.points,
        }  # fmt: skip
        histories = []
        for no, change in enumerate(moves, 1):
            if change.field:
                before, now[change.field] = change.before or now[change.field], change.to or None
            else:
                before, status = change.before or status, change.to
            told = {"id": no, "created": change.at.isoformat(), "items": None}
            told["items"] = self.items(change, before, no)
            parsed = decode(json.dumps(told).encode(), History)
            shown = made.history(parsed, Chain())
            assert shown is not None
            histories.append(
                {
                    "id": str(no),
                    "issue_id": self.key,
                    "created_at": change.at,
                    "item_count": len(told["items"]),
                    "payload": {
                        **json.loads(shown[3]),
                        "author": {
                            "person_key": change.who,
                            "actor_type": "bot" if change.who == "robot" else "human",
                        },
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
                "priority": {"name": now["priority"]} if now["priority"] else None,
                "story_points": float(now["points"]) if now["points"] else None,
                "resolutiondate": self.resolved and moment(self.resolved).isoformat(),
            },
        }
        issue = {
            "id": self.key,
            "key": now["Key"],
            "project_id": project_id(project),
            "project_key": project,
            "created_at": born.at if self.is_created_known else None,
            "updated_at": updated,
            "payload": payload,
        }
        keys = {self.key.split("-")[0], project} - {"GONE"}
        projects = [{"id": project_id(key), "key": key, "payload": {}} for key in sorted(keys)]
        rows = {
            ("jira", "issues"): [issue],
            ("jira", "histories"): histories,
            ("jira", "projects"): projects,
        }
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
    """A ServiceNow incident with the audit of its state; the history as for an issue.

    Attributes:
        caused_by: The change that it names as its cause.
        blamed_before: Another change that it named before, and until when.
        correlation: The id of a thing in another tool.
    """

    number: str
    history: str
    is_audited: bool = True
    closed: str | None = None
    service: str | None = None
    caused_by: str | None = None
    deleted: str | None = None
    blamed_before: tuple[str, str] | None = None
    correlation: str | None = None

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
        if self.blamed_before:
            before, until = self.blamed_before
            audits.append(
                {
                    "sys_id": f"{self.number}-cause",
                    "table_name": "incident",
                    "document_id": self.number,
                    "field_name": "caused_by",
                    "sys_created_at": moment(until),
                    "record_checkpoint": len(audits) + 1,
                    "payload": {
                        "oldvalue": before,
                        "newvalue": self.caused_by,
                        "user": {"person_key": "ann", "actor_type": "human"},
                    },
                }
            )
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
                "correlation_id": self.correlation,
            },
        }
        rows: Rows = {("servicenow", "incidents"): [record]}
        if self.is_audited:
            rows["servicenow", "audits"] = audits
        if self.deleted:
            rows["servicenow", "tombstones"] = [
                {
                    "object": "incidents",
                    "id": self.number,
                    "state": "deleted",
                    "missed_at": moment(self.deleted),
                    "gone_at": moment(self.deleted),
                    "payload": {},
                }
            ]
        return rows


PROGRAMS = ("robot", "cyborg")
"""Who ServiceNow knows as a program; of the second nobody else does."""


@dataclass
class Agreement:
    """An agreement (SLA) on a record of ServiceNow; facts are raw columns of it."""

    start: str
    planned: str | None = None
    end: str | None = None
    definition: str = "resolve"
    facts: Mapping[str, Any] = field(default_factory=dict)

    def row(self, sys_id: str, task: str) -> dict[str, Any]:
        """Return its raw row."""
        return {
            "sys_id": sys_id,
            "task_id": task,
            "sla_id": self.definition,
            "stage": "completed" if self.end else "in_progress",
            "is_active": self.end is None,
            "has_breached": False,
            "started_at": moment(self.start),
            "planned_end_at": self.planned and moment(self.planned),
            "ended_at": self.end and moment(self.end),
            "sys_updated_at": moment(self.start),
            "payload": {},
            **self.facts,
        }


@dataclass
class Ticket:
    """A record of ServiceNow with the audit of all its fields.

    Attributes:
        table: Its class.
        number: Its number, and its immutable id.
        history: The lines; one that begins with `&` is of the same update as the one before it.
            A field is named as in `assigned_to: ann`, and a state without a name. The first line
            says in which state it was created.
        start: What its fields held when it was created.
        now: What its fields hold now, where that is not what its history ends with.
        agreements: Those on it.
        is_audited: Whether its audit was loaded.
        updates: How often it was updated, where that is not what its audit says.
    """

    table: str
    number: str
    history: str
    start: Mapping[str, Any] = field(default_factory=dict)
    now: Mapping[str, Any] = field(default_factory=dict)
    agreements: tuple[Agreement, ...] = ()
    is_audited: bool = True
    updates: int | None = None

    def rows(self) -> Rows:
        """Return the raw rows of the record, its audit and its agreements."""
        lines = [line.strip() for line in self.history.splitlines() if line.strip()]
        born, *moves = changes("\n".join(line.removeprefix("& ") for line in lines))
        held = {"state": born.to.removeprefix("created in ").strip(), **self.start}
        audits, update = [], 0
        for line, change in zip(lines[1:], moves, strict=True):
            update += not line.startswith("& ")
            name = change.field or "state"
            audits.append(
                {
                    "sys_id": f"{self.number}-{len(audits) + 1}",
                    "table_name": self.table,
                    "document_id": self.number,
                    "field_name": name,
                    "sys_created_at": change.at,
                    "record_checkpoint": update,
                    "payload": {
                        "oldvalue": change.before or held.get(name),
                        # Notes are loaded without their text.
                        "newvalue": None if name == "work_notes" else change.to or None,
                        "user": {
                            "person_key": change.who,
                            "actor_type": "bot" if change.who in PROGRAMS else "human",
                        },
                    },
                }
            )
            held[name] = change.to or None
        stamp = "%Y-%m-%d %H:%M:%S"
        record = {
            "sys_id": self.number,
            "number": self.number,
            "sys_class_name": self.table,
            "sys_created_at": born.at,
            "sys_updated_at": (moves or [born])[-1].at,
            "sys_mod_count": update if self.updates is None else self.updates,
            "payload": {**held, "opened_at": born.at.strftime(stamp), **self.now},
        }
        tables = {"incident": "incidents", "change_request": "change_requests",
                  "change_task": "change_tasks", "problem": "problems",
                  "sc_req_item": "requested_items"}  # fmt: skip
        rows: Rows = {
            ("servicenow", tables[self.table]): [record],
            ("servicenow", "task_slas"): [
                agreement.row(f"{self.number}/{no}", self.number)
                for no, agreement in enumerate(self.agreements, 1)
            ],
        }
        if self.is_audited:
            rows["servicenow", "audits"] = audits
            rows["servicenow", "history_checks"] = [
                {"table_name": self.table, "sys_id": self.number, "version": "1",
                 "audit_count": len(audits), "payload": {}}
            ]  # fmt: skip
        return rows


@dataclass
class Named:
    """A group, a definition of agreements or a tombstone of ServiceNow: any row of any table."""

    table: str
    row: Mapping[str, Any]
    source: str = "servicenow"

    def rows(self) -> Rows:
        """Return its raw row."""
        return {(self.source, self.table): [{"payload": {}, **self.row}]}


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
        state: What came out; nothing while it runs.
        ended: When its outcome was told; else at once.
        began: When it was told that it runs; else nobody says.
        waited: When it was told that it waits to be let run.
        deployer: Who deployed; `robot` is a program.
        numbers: Numbers of change requests that it names.
    """

    id: str
    number: int
    at: str
    state: str | None = "success"
    repository: str = "lab/app"
    ended: str | None = None
    environment: str = "production"
    began: str | None = None
    waited: str | None = None
    deployer: str | None = None
    numbers: tuple[str, ...] = ()

    def rows(self) -> Rows:
        """Return the raw rows of the deployment and its outcome."""
        at = moment(self.at)
        told = [
            ("waiting", self.waited), ("in_progress", self.began),
            (self.state, self.ended or self.at),
        ]  # fmt: skip
        kind = "bot" if self.deployer in PROGRAMS else "human"
        return {
            ("github", "deployments"): [
                {
                    "id": self.id,
                    "repository": self.repository,
                    "sha": f"{self.number:040x}",
                    "environment": self.environment,
                    "created_at": at,
                    "updated_at": at,
                    "payload": {
                        "creator": {"person_key": self.deployer, "actor_type": kind}
                        if self.deployer
                        else None,
                        "change_numbers": list(self.numbers),
                    },
                }
            ],
            ("github", "deployment_statuses"): [
                {
                    "status_key": f"{self.id}-{state}",
                    "deployment_id": self.id,
                    "state": state,
                    "created_at": moment(when),
                    "payload": {},
                }
                for state, when in told
                if state and when
            ],
        }


@dataclass
class Delivery:
    """A pull request that names issues, and its deployment to production.

    Attributes:
        merged: When it was merged; else it was closed, or is open.
        ready: When a draft was marked as ready for review.
        reviews: When, by whom and with what it was reviewed.
        closes: Ids of the issues that it closes.
    """

    number: int
    issues: tuple[str, ...]
    first_commit: str | None
    opened: str
    merged: str | None
    deployed: str | None
    repository: str = "lab/app"
    is_hotfix: bool = False
    ready: str | None = None
    reviews: tuple[tuple[str, str, str], ...] = ()
    closed: str | None = None
    is_revert: bool = False
    size: tuple[int, int] | None = None
    author: str | None = "ann"
    closes: tuple[str, ...] = ()

    def rows(self) -> Rows:
        """Return the raw rows of the pull request, its commit and its deployment."""
        pull, sha = f"P{self.number}", f"{self.number:040x}"
        ann = {"person_key": "ann", "actor_type": "human"}
        ended = self.merged or self.closed
        rows: Rows = {
            ("github", "pull_requests"): [
                {
                    "id": pull,
                    "repository": self.repository,
                    "number": self.number,
                    "state": "closed" if ended else "open",
                    "created_at": moment(self.opened),
                    "updated_at": moment(ended or self.opened),
                    "payload": {
                        "mergedAt": self.merged and moment(self.merged).isoformat(),
                        "closedAt": ended and moment(ended).isoformat(),
                        "mergeCommitOid": sha if self.merged else None,
                        "headRefOid": sha,
                        "author": {"person_key": self.author, "actor_type": "human"},
                        "issue_keys": list(self.issues),
                        "closes": list(self.closes),
                        "is_hotfix": self.is_hotfix,
                        "is_revert": self.is_revert,
                        "additions": self.size and self.size[0],
                        "deletions": self.size and self.size[1],
                        "events": [
                            {
                                "type": "ready_for_review",
                                "at": moment(self.ready).isoformat(),
                                "actor": ann,
                            }
                        ]
                        if self.ready
                        else [],
                    },
                }
            ],
            ("github", "reviews"): [
                {
                    "id": f"{pull}-{no}",
                    "pull_request_id": pull,
                    "state": state,
                    "submitted_at": moment(at),
                    "payload": {"author": {"person_key": who, "actor_type": "human"}},
                }
                for no, (at, who, state) in enumerate(self.reviews, 1)
            ],
        }
        if self.first_commit:
            rows["github", "pull_request_commits"] = [
                {
                    "pull_request_id": pull,
                    "sha": sha,
                    "repository": self.repository,
                    "authored_at": moment(self.first_commit),
                    "committed_at": moment(self.first_commit),
                    "payload": {"author": ann},
                }
            ]
        if self.deployed:
            rows |= Deployment(pull, self.number, self.deployed, repository=self.repository).rows()
        return rows


@dataclass
class MergeRequest:
    """A merge request of GitLab, and a deployment of what merging it made to production."""

    number: int
    repository: str
    opened: str
    merged: str
    deployed: str | None = None

    def rows(self) -> Rows:
        """Return the raw rows of the merge request and its deployment."""
        rows: Rows = {
            ("gitlab", "merge_requests"): [
                {
                    "id": str(self.number),
                    "iid": self.number,
                    "project": self.repository,
                    "status": "merged",
                    "created_at": moment(self.opened),
                    "updated_at": moment(self.merged),
                    "merged_at": moment(self.merged),
                    "payload": {
                        "author": {"person_key": "ann", "actor_type": "human"},
                        "merge_commit_sha": f"{self.number:040x}",
                    },
                }
            ]
        }
        if self.deployed:
            at = moment(self.deployed)
            rows["gitlab", "deployments"] = [
                {
                    "id": f"a-{self.number}",
                    "iid": self.number,
                    "project": self.repository,
                    "environment": "production",
                    "sha": f"{self.number:040x}",
                    "status": "success",
                    "job_status": "success",
                    "created_at": at,
                    "started_at": at,
                    "finished_at": at,
                    "updated_at": at,
                    "payload": {},
                }
            ]
        return rows


@dataclass
class Commit:
    """A commit that was pushed to the main branch of a repository, past any pull request."""

    number: int
    at: str
    repository: str
    authored: str | None = None

    def rows(self) -> Rows:
        """Return the raw rows of the commit and of its place on the branch."""
        sha = f"{self.number:040x}"
        return {
            ("github", "commits"): [
                {
                    "repository": self.repository,
                    "sha": sha,
                    "first_parent": None,
                    "authored_at": moment(self.authored or self.at),
                    "committed_at": moment(self.at),
                    "payload": {
                        "parents": [],
                        "author": {"person_key": "ann", "actor_type": "human"},
                    },
                }
            ],
            ("github", "main_lines"): [{"repository": self.repository, "sha": sha, "payload": {}}],
        }


@dataclass
class Told:
    """An event that a tool dropped into the inbox."""

    id: str
    type: str
    at: str
    facts: dict[str, Any]
    source: str = "argo"
    subject: str | None = None

    def rows(self) -> Rows:
        """Return its raw row."""
        return {
            ("inbox", "events"): [
                {
                    "source": self.source,
                    "event_id": self.id,
                    "type": self.type,
                    "version": "1.0",
                    "subject_id": self.subject,
                    "occurred_at": moment(self.at),
                    "received_at": moment(self.at),
                    "payload": self.facts,
                }
            ]
        }


@dataclass
class Fed:
    """A file of a feed; its lines take the way through the extraction.

    Attributes:
        feed: Name of the feed.
        text: The file: the columns and the lines.
        is_there: Whether it is the file that is there now; each feed has one of these.
    """

    feed: str
    text: str
    is_there: bool = True

    def rows(self) -> Rows:
        """Return the raw rows of the lines, and of the file."""
        feed, sha = FEEDS[self.feed], "there" if self.is_there else "gone"
        (_, first), *others = lines(self.text.encode())
        heading, _ = heading_of(feed, first)
        rows: Rows = {
            ("feeds", self.feed): [
                raw_row(feed, values_of(feed, heading, values), sha, line_no)
                for line_no, values in others
            ]
        }
        if self.is_there:
            rows["feeds", "files"] = [
                {
                    "feed": self.feed, "sha256": sha, "lines": len(others), "rejected": 0,
                    "payload": {},
                }
            ]  # fmt: skip
        return rows


@dataclass
class Run:
    """An attempt of a run of GitHub Actions, with one job where that is told apart.

    Attributes:
        job: When its job was asked for, began and ended.
        labels: Labels of the runner that the job asked for.
    """

    id: str
    number: int
    queued: str
    started: str
    finished: str | None
    conclusion: str | None
    attempt: int = 1
    repository: str = "lab/app"
    pipeline: str = "ci"
    job: tuple[str, str, str | None] | None = None
    labels: tuple[str, ...] = ()

    def rows(self) -> Rows:
        """Return the raw rows of the attempt and its job."""
        status = "completed" if self.finished else "in_progress"
        rows: Rows = {
            ("github", "workflow_runs"): [
                {
                    "id": self.id,
                    "run_attempt": self.attempt,
                    "repository": self.repository,
                    "head_sha": f"{self.number:040x}",
                    "event": "push",
                    "status": status,
                    "conclusion": self.conclusion,
                    "created_at": moment(self.queued),
                    "run_started_at": moment(self.started),
                    "updated_at": moment(self.finished or self.started),
                    "payload": {"path": f".github/workflows/{self.pipeline}.yml"},
                }
            ]
        }
        if self.job:
            queued, started, finished = self.job
            rows["github", "jobs"] = [
                {
                    "id": f"{self.id}-{self.attempt}",
                    "run_id": self.id,
                    "run_attempt": self.attempt,
                    "status": status,
                    "conclusion": self.conclusion,
                    "created_at": moment(queued),
                    "started_at": moment(started),
                    "completed_at": finished and moment(finished),
                    "payload": {"name": "test", "labels": list(self.labels)},
                }
            ]
        return rows


def merged(items: Iterable[Any]) -> Rows:
    """Return the raw rows of several items."""
    rows: Rows = defaultdict(list)
    for item in items:
        for table, more in item.rows().items():
            rows[table] += more
    projects = {row["id"]: row for row in rows["jira", "projects"]}
    rows["jira", "projects"] = list(projects.values())
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
    """Write the raw files of all sources, with the tables and columns of the extraction.

    A row may say by `_dlt_load_id` which load brought it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for source, module in SOURCES.items():
        path = folder / f"raw_{source}.duckdb"
        path.unlink(missing_ok=True)
        with duckdb.connect(str(path)) as raw:
            raw.execute(f"create schema {source}")
            for table in module.tables:
                some = rows.get((source, table.name), [])
                loads = [row.get("_dlt_load_id", "first") for row in some]
                batch = table.batch(some).append_column("_dlt_load_id", pa.array(loads, "string"))
                raw.register("batch", batch)
                raw.execute(f"create table {source}.{table.name} as select * from batch")
                raw.unregister("batch")
            columns = [pa.field(name, ARROW_TYPES[kind]) for name, kind in AUDIT_COLUMNS.items()]
            raw.register("audits", pa.schema(columns).empty_table())
            raw.execute(f"create table {source}.load_audits as select * from audits")


def copy_project(to: Path) -> Path:
    """Copy the dbt project with the seeds of the golden company; return the copy."""
    shutil.copytree(PROJECT, to, ignore=shutil.ignore_patterns("target", "logs"))
    shutil.copytree(SEEDS, to / "seeds" / "golden")
    for name in (
        "status_stages", "project_status_stages", "stages", "workflows", "work_types", "metrics"
    ):  # fmt: skip
        more = to / "seeds" / "golden" / f"{name}.csv"
        with (to / "seeds" / "defaults" / f"{name}.csv").open("a") as defaults:
            defaults.write(more.read_text())
        more.unlink()
    return to


@dataclass
class ScratchWarehouse:
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

    @property
    def environment(self) -> dict[str, str]:
        """What dbt is told of this home."""
        return {
            "FLOWHOUSE_COMPANY": "golden",
            "FLOWHOUSE_BUILD": "../build.duckdb",
            "FLOWHOUSE_RAW": "../raw",
            "FLOWHOUSE_AS_OF": self.as_of,
            "FLOWHOUSE_REFRESH_ID": "golden",
            "FLOWHOUSE_WEB_ADDRESSES": json.dumps(
                {
                    "jira": "https://northbank.example",
                    "github": "https://github.northbank.example",
                    "gitlab": "https://gitlab.northbank.example",
                    "servicenow": "https://desk.northbank.example",
                }
            ),
            "DBT_PROJECT_DIR": str(self.project),
            "DBT_PROFILES_DIR": str(self.project),
            "DBT_TARGET_PATH": str(self.project / "target"),
            "DBT_LOG_PATH": str(self.home / "logs"),
            "DBT_LOG_LEVEL_FILE": "none",
        }

    def dbt(self, *words: str, **environment: str) -> subprocess.CompletedProcess:
        """Run dbt; every test that failed is in what it printed."""
        return subprocess.run(
            [*DBT, "--no-use-colors", *words],
            cwd=self.project,
            env={**os.environ, **self.environment, **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    def rows(self, sql: str, parameters: list | None = None) -> list[tuple]:
        """Return what a query finds in the working warehouse."""
        with duckdb.connect(str(self.home / "build.duckdb"), read_only=True) as build:
            return build.execute(sql, parameters or []).fetchall()


def built(home: Path, rows: Rows, as_of: str) -> ScratchWarehouse:
    """Write raw files, build everything on them with all tests, and return the warehouse.

    Raises:
        AssertionError: A model or a test of the project failed.
    """
    write_raw(home / "raw", rows)
    copy_project(home / "project")
    warehouse = ScratchWarehouse(home, as_of)
    done = warehouse.dbt("build")
    assert done.returncode == 0, done.stdout[-6000:]
    target = warehouse.project / "target"
    gap = unproven(target / "run_results.json", target / "manifest.json")
    assert not gap, gap
    return warehouse


def told(seconds: int | None) -> str:
    """Return a duration in the largest unit that fits: 26h, 90m, 20s; a dash for none."""
    if seconds is None:
        return "-"
    for unit, size in (("h", 3600), ("m", 60)):
        if seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"

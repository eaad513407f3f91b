"""GitLab: pipelines with jobs and bridges, deployments, merge requests, issues with their events.

Settings: SOURCES__GITLAB__BASE_URL (with or without /api/v4), TOKEN (scope read_api), PROJECTS
(JSON list of paths, ids and group/*; empty = every project that the token is a member of),
START_DATE.

What changed is listed by closed windows on `updated_at`. GitLab refuses to page past an offset of
50,000, so windows are halved until they are short; a window counts as read when as many rows came
as GitLab counts. Child pipelines are hidden from the plain listing and asked for by their source.
What runs when it is loaded is read by id until it has ended. A census finds what windows cannot
see: rows without a date, outcomes that are dated back, and what vanished, which gets a tombstone.
A project that was renamed is read again, so that all its rows carry the new path.

Titles, texts and notes are read to see issue keys, reverts, hotfixes, approvals and drafts, and are
not loaded. Branches that are not the usual ones, and the part of an environment's name that comes
from a branch, are keyed hashes. Of labels only those are loaded whose scope says stage, type or
priority (`workflow::in dev`).
"""

import re
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any
from urllib.parse import quote

import dlt
import pyarrow as pa
from dlt.common.configuration import configspec
from dlt.common.configuration.specs import BaseConfiguration
from dlt.common.typing import TSecretStrValue
from dlt.sources import DltSource

from extract import settings, warehouse
from extract.api import (
    ROWS,
    Api,
    BudgetExhausted,
    Forbidden,
    IncompleteRead,
    Outage,
    Refused,
    Reply,
    SourceError,
    Unavailable,
)
from extract.assistance import Signed, assistance
from extract.census import EVERY, PRESENT, Census, tombstones
from extract.gaps import FOREVER, History, history_gaps, known_gaps, moment
from extract.gaps import Known as Gaps
from extract.mentions import keys_in
from extract.privacy import person, person_key, shown_environment
from extract.probes import MOST_PROBED, NOT_READABLE, Probe, clock, counts, scopes
from extract.settings import SettingFault, setting_name, settings_for, start_of
from extract.snapshots import changed as changed_since
from extract.snapshots import snapshots
from extract.tables import BIGINT, EARLIEST, TEXT, TIMESTAMP, RawTable, instant
from extract.windows import Window, close_window, is_backfill, next_window, shortened
from extract.work import Audit, Load

NAME = "gitlab"

_PROJECT = "/projects/{id}"
PROJECTS = RawTable(
    "projects",
    "/projects",
    ("id",),
    {"id": TEXT, "path": TEXT, "default_branch": TEXT, "created_at": TIMESTAMP},
)
PIPELINES = RawTable(
    "pipelines",
    f"{_PROJECT}/pipelines",
    ("id",),
    {
        "id": TEXT,
        "iid": BIGINT,
        "project": TEXT,
        "sha": TEXT,
        "source": TEXT,
        "status": TEXT,
        "created_at": TIMESTAMP,
        "started_at": TIMESTAMP,
        "finished_at": TIMESTAMP,
        "updated_at": TIMESTAMP,
    },
)
_JOB = {
    "id": TEXT,
    "pipeline_id": TEXT,
    "status": TEXT,
    "created_at": TIMESTAMP,
    "started_at": TIMESTAMP,
    "finished_at": TIMESTAMP,
}
JOBS = RawTable("jobs", f"{_PROJECT}/pipelines/{{id}}/jobs?include_retried=true", ("id",), _JOB)
BRIDGES = RawTable(
    "bridges",
    f"{_PROJECT}/pipelines/{{id}}/bridges",
    ("id",),
    {**_JOB, "downstream_pipeline_id": TEXT},
)
HISTORY_GAPS = history_gaps(_PROJECT)
ENVIRONMENTS = RawTable(
    "environments",
    f"{_PROJECT}/environments",
    ("id",),
    {"id": TEXT, "project": TEXT, "name": TEXT, "tier": TEXT},
)
DEPLOYMENTS = RawTable(
    "deployments",
    f"{_PROJECT}/deployments",
    ("id",),
    {
        "id": TEXT,
        "iid": BIGINT,
        "project": TEXT,
        "environment": TEXT,
        "sha": TEXT,
        "status": TEXT,
        "job_status": TEXT,
        "created_at": TIMESTAMP,
        "started_at": TIMESTAMP,
        "finished_at": TIMESTAMP,
        "updated_at": TIMESTAMP,
    },
)
DEPLOYMENT_MERGE_REQUESTS = RawTable(
    "deployment_merge_requests",
    f"{_PROJECT}/deployments/{{id}}/merge_requests",
    ("deployment_id", "merge_request_id"),
    {"deployment_id": TEXT, "merge_request_id": TEXT},
)
_ITEM = {
    "id": TEXT,
    "iid": BIGINT,
    "project": TEXT,
    "status": TEXT,
    "created_at": TIMESTAMP,
    "updated_at": TIMESTAMP,
    "closed_at": TIMESTAMP,
}
MERGE_REQUESTS = RawTable(
    "merge_requests",
    f"{_PROJECT}/merge_requests",
    ("id",),
    {**_ITEM, "merged_at": TIMESTAMP},
    work_item_kind="pull_request",
)
COMMITS = RawTable(
    "merge_request_commits",
    f"{_PROJECT}/merge_requests/{{iid}}/commits",
    ("merge_request_id", "sha"),
    {
        "merge_request_id": TEXT,
        "sha": TEXT,
        "authored_at": TIMESTAMP,
        "committed_at": TIMESTAMP,
    },
)
NOTES = RawTable(
    "merge_request_notes",
    f"{_PROJECT}/merge_requests/{{iid}}/notes",
    ("id",),
    {"id": TEXT, "merge_request_id": TEXT, "kind": TEXT, "created_at": TIMESTAMP},
)
MERGE_REQUEST_STATES = RawTable(
    "merge_request_state_events",
    f"{_PROJECT}/merge_requests/{{iid}}/resource_state_events",
    ("id",),
    {"id": TEXT, "merge_request_id": TEXT, "state": TEXT, "created_at": TIMESTAMP},
)
ISSUES = RawTable("issues", f"{_PROJECT}/issues", ("id",), _ITEM, work_item_kind="issue")
ISSUE_STATES = RawTable(
    "issue_state_events",
    f"{_PROJECT}/issues/{{iid}}/resource_state_events",
    ("id",),
    {"id": TEXT, "issue_id": TEXT, "state": TEXT, "created_at": TIMESTAMP},
)
ISSUE_LABELS = RawTable(
    "issue_label_events",
    f"{_PROJECT}/issues/{{iid}}/resource_label_events",
    ("id",),
    {"id": TEXT, "issue_id": TEXT, "action": TEXT, "label": TEXT, "created_at": TIMESTAMP},
)
ISSUE_STATUSES = RawTable("issue_statuses", "/api/graphql Project.workItems", ("id",), {"id": TEXT})
SNAPSHOTS = snapshots("/api/graphql Project.workItems")
TOMBSTONES = tombstones(_PROJECT)
TABLES = (
    PROJECTS,
    PIPELINES,
    JOBS,
    BRIDGES,
    HISTORY_GAPS,
    ENVIRONMENTS,
    DEPLOYMENTS,
    DEPLOYMENT_MERGE_REQUESTS,
    MERGE_REQUESTS,
    COMMITS,
    NOTES,
    MERGE_REQUEST_STATES,
    ISSUES,
    ISSUE_STATES,
    ISSUE_LABELS,
    ISSUE_STATUSES,
    SNAPSHOTS,
    TOMBSTONES,
)

OVERLAP = timedelta(minutes=10)
SAFETY_LAG = timedelta(minutes=2)
PAGE = 100
MOST_PAGES = 10_000
MOST_IN_WINDOW = 5_000
CHUNK = 100
TRIES = 3
CONCURRENT_REQUESTS = 4

REFUSED_OFFSET = (400, 405)
"""What GitLab answers past the largest offset, by version."""

KNOWN_STATUSES = """
query {
  widget: __type(name: "WorkItemWidgetStatus") { fields { name type { name } } }
  status: __type(name: "WorkItemStatus") { fields { name } }
}
"""
STATUSES = """
query($path: ID!, $iids: [String!], $state: IssuableState, $after: String) {
  project(fullPath: $path) {
    workItems(iids: $iids, state: $state, first: 50, after: $after) {
      pageInfo { hasNextPage endCursor }
      nodes { id widgets { ... on WorkItemWidgetStatus { status { name category } } } }
    }
  }
}
"""
"""A work item's status, which REST does not tell; the number in its id is that of the issue."""
STATUSES_PER_QUERY = 50

OPEN = (
    "created",
    "waiting_for_resource",
    "waiting_for_callback",
    "preparing",
    "pending",
    "running",
    "canceling",
    "scheduled",
    "blocked",
)
"""What goes on by itself. `manual` waits for somebody, and its start changes `updated_at`."""

VERSION = "concat_ws('|', status, epoch_ms(updated_at))"
"""GitLab may date an outcome back to before it was shown, so the status is part of the version."""

_USUAL_REF = re.compile(
    r"(?:main|master|trunk|develop|development|dev|next|stable|staging|production|prod)"
    r"|v?\d+(?:[.-][\dx]+)*(?:-(?:stable|rc\d*))?"
    r"|(?:release|releases|hotfix|support|stable)[/-]v?\d+(?:[.-][\dx]+)*"
    r"|refs/merge-requests/\d+/(?:head|merge|train)"
)
_LABEL = re.compile(
    r"(?:workflow|status|stage|state|phase|type|priority|severity|found|detected)::.+",
    re.IGNORECASE,
)
_ISSUE_NUMBER = re.compile(r"(?<![\w/])#([1-9][0-9]*)(?!\w)")
_HOTFIX = re.compile(r"hot[-_ ]?fix", re.IGNORECASE)
_REVERT_TITLE = re.compile(r"revert(?:\b\s*[:(]|\s+\")", re.IGNORECASE)
_REVERT_BRANCH = re.compile(r"(?:.*/)?revert-", re.IGNORECASE)
_REVERT_TEXT = re.compile(r"\bThis reverts (?:commit|merge request)\b")
_BOT = re.compile(r"(?:project|group)_\d+_bot.*|.*(?:\[bot\]|[-_]bot)|.*service_account_.*")
_NOTES = (
    ("approved", re.compile(r"approved this merge request")),
    ("unapproved", re.compile(r"unapproved this merge request")),
    ("changes_requested", re.compile(r"(?:left review comments and )?requested changes")),
    ("ready", re.compile(r"marked this merge request as \*\*ready\*\*|unmarked .*(?:WIP|Work In)")),
    ("draft", re.compile(r"marked (?:this merge request )?as (?:a )?\*\*(?:draft|Work In)")),
)
"""System notes that move a merge request, by what they begin with."""

Row = dict[str, Any]
Part = dict[str, list[Row]]
"""Raw rows by table that were read together and are only right together."""


@configspec
class GitLabSettings(BaseConfiguration):
    """Settings of the source, by dlt's rules."""

    base_url: str = None  # type: ignore[assignment]
    token: TSecretStrValue = None  # type: ignore[assignment]
    projects: list[str] | None = None
    start_date: str | None = None


def is_on() -> bool:
    """Whether GitLab is configured."""
    return settings.is_on(NAME)


def check() -> None:
    """Ask for one project: a wrong token is refused even where everybody may read.

    Raises:
        SettingFault: A setting is missing or wrong.
        SourceError: GitLab refuses the credentials, or gives no answer.
    """
    _server_time(_api(_settings()))


def _server_time(api: Api) -> datetime:
    return api.get("/projects", {"membership": "true", "per_page": 1}, type=ROWS).server_time


def probes() -> Iterator[Probe]:
    """Ask what only this instance can answer; `flowhouse doctor` prints it."""
    config = _settings()
    api = _api(config)
    yield clock(_server_time(api))
    work = Load(NAME, "doctor")
    found = found_projects(work, api, config)
    yield from scopes("projects", len(found), work)
    for row in found[:MOST_PROBED]:
        yield counts(_path(row), _sizes(api, row["id"]))
        kept = Project.of(row).keeps_pipelines
        how_long = "this token is not told (maintainer)"
        if kept:
            how_long = "for ever" if kept == FOREVER else f"{kept.days} days"
        yield Probe(True, f"{_path(row)}: for how long pipelines are kept: {how_long}")


def _sizes(api: Api, project_id: int) -> Iterator[tuple[str, Reply, str]]:
    """Yield what a project lists and how much; GitLab does not count above 10,000."""
    for what, path in (
        ("pipelines", "pipelines"),
        ("deployments", "deployments"),
        ("merge requests", "merge_requests"),
        ("issues", "issues"),
    ):
        reply = api.get(
            f"/projects/{project_id}/{path}", {"per_page": 1}, allow=NOT_READABLE, type=ROWS
        )
        total = reply.headers.get("X-Total") or ""
        yield what, reply, f"{int(total):,}" if total.isdigit() else "more than 10,000"


def _settings() -> GitLabSettings:
    config = settings_for(NAME, GitLabSettings)
    start_of(NAME, config.start_date)
    if any(not re.fullmatch(r"\d+|[^/\s]+(/[^/\s]+)+", name) for name in config.projects or ()):
        raise SettingFault(
            f"{setting_name(NAME, 'projects')} takes paths of projects, ids, and group/*"
        )
    return config


def _api(config: GitLabSettings) -> Api:
    return Api(
        NAME,
        f"{config.base_url.rstrip('/').removesuffix('/api/v4')}/api/v4",
        credential=setting_name(NAME, "token"),
        authorize=lambda renew: {"PRIVATE-TOKEN": str(config.token)},
    )


@dataclass(frozen=True)
class Project:
    """A project; `key` names its watermarks, and changes when the project is renamed."""

    id: str
    path: str
    default_branch: str | None
    created_at: datetime | None = None
    keeps_pipelines: timedelta | None = None

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "Project":
        """Read a project; GitLab tells those only who may delete how long pipelines are kept."""
        told = "ci_delete_pipelines_in_seconds"
        keeps = None if told not in row else FOREVER
        if row.get(told):
            keeps = timedelta(seconds=row[told])
        created = instant(row.get("created_at"))
        return cls(str(row["id"]), _path(row), row.get("default_branch"), created, keeps)

    @property
    def key(self) -> str:
        """Immutable id and present path."""
        return f"{self.id} {self.path}"


class OffsetRefused(IncompleteRead):
    """GitLab pages no further into a listing."""


@dataclass
class Listing:
    """A listing, whose end `Link` alone knows.

    Args:
        api: The API.
        path: Path below the root.
        params: Filters and order.
    """

    api: Api
    path: str
    params: Mapping[str, Any] = field(default_factory=dict)
    first: Reply | None = None

    def page(self, number: int) -> Reply:
        """Return a page by its number.

        Raises:
            Forbidden: The place is not there, or not visible to this token (404).
        """
        reply = self.api.get(
            self.path,
            {**self.params, "per_page": PAGE, **({"page": number} if number > 1 else {})},
            allow=(404, *REFUSED_OFFSET),
            type=ROWS,
        )
        if reply.status == 404 or (reply.status in REFUSED_OFFSET and number == 1):
            raise Forbidden(f"gitlab: no access to {self.path} ({reply.status})")
        return reply

    def opened(self) -> Reply:
        """Return the first page; it is asked for once."""
        if self.first is None:
            self.first = self.page(1)
        return self.first

    @property
    def total(self) -> int | None:
        """How many rows GitLab counts; it does not count above 10,000."""
        text = self.opened().headers.get("X-Total") or ""
        return int(text) if text.isdigit() else None

    def size(self) -> int:
        """Return the number of rows, or more than a window may have if they cannot be reached."""
        total = self.total
        if total is not None and total <= PAGE:
            return total
        last = MOST_IN_WINDOW // PAGE + 1 if total is None else -(-total // PAGE)
        reply = self.page(last)
        if reply.status in REFUSED_OFFSET or (total is None and reply.data):
            return MOST_IN_WINDOW + 1
        return MOST_IN_WINDOW if total is None else total

    def rows(self) -> list[Row]:
        """Return all rows, each once.

        A row that leaves the listing while we page pulls the others towards the front, past us: a
        listing that brings fewer than GitLab counted is read again.

        Raises:
            OffsetRefused: It is longer than GitLab pages.
            IncompleteRead: It ends too early, or not at all.
        """
        for _ in range(TRIES):
            total = self.total
            found = {row["id"]: row for page in self._pages() for row in page}
            if total is None or len(found) >= total:
                return list(found.values())
            self.first = None
        raise IncompleteRead(f"gitlab: got {len(found):,} of {total:,} rows of {self.path}")

    def _pages(self) -> Iterator[list[Row]]:
        reply, seen = self.opened(), set[str]()
        for _ in range(MOST_PAGES):
            yield reply.data or []
            following = next_of(reply.headers.get("Link"))
            if not following:
                return
            if following in seen:
                raise IncompleteRead(f"gitlab: pagination loop, {self.path} repeats a page")
            seen.add(following)
            reply = self.api.get(following, allow=REFUSED_OFFSET, type=ROWS)
            if reply.status in REFUSED_OFFSET:
                raise OffsetRefused(f"gitlab: {self.path} is longer than GitLab lists")
        raise IncompleteRead(f"gitlab: {self.path} does not end")


def next_of(link: str | None) -> str | None:
    """Return the address of the next page in a `Link` header."""
    for part in (link or "").split(","):
        address, _, relation = part.partition(";")
        if 'rel="next"' in relation:
            return address.strip().strip("<>")
    return None


# what names and texts say


def user(account: Any) -> dict[str, str] | None:
    """Return an account as a keyed hash."""
    if not isinstance(account, dict):
        return None
    login = str(account.get("username") or "")
    return person(NAME, account.get("id"), bool(account.get("bot") or _BOT.fullmatch(login)))


def shown_ref(name: Any, default: str | None = None) -> str | None:
    """Return the name of a branch or tag as it is loaded: a keyed hash unless it is a usual one."""
    if not isinstance(name, str) or not name:
        return None
    is_usual = name == default or _USUAL_REF.fullmatch(name)
    return name if is_usual else f"branch-{person_key(NAME, name)}"


def shown_labels(names: Any) -> list[str]:
    """Return the labels whose scope says stage, type or priority; others may be names."""
    return [name for name in names or () if isinstance(name, str) and _LABEL.fullmatch(name)]


def derived(project: Project, row: Mapping[str, Any], commits: Iterable[Row] = ()) -> Row:
    """Return what title, text, labels, branch and commits of a merge request say, without them."""
    title, text = str(row.get("title") or ""), str(row.get("description") or "")
    branch, labels = str(row.get("source_branch") or ""), row.get("labels") or []
    messages = [str(commit.get("message") or commit.get("title") or "") for commit in commits]
    keys = keys_in(branch, title, text, *messages)
    numbers = [
        number for part in (title, text, *messages) for number in _ISSUE_NUMBER.findall(part)
    ]
    keys["issue_keys"] += dict.fromkeys(f"{project.path}#{number}" for number in numbers)
    return {
        "is_revert": bool(
            _REVERT_TITLE.match(title) or _REVERT_BRANCH.match(branch) or _REVERT_TEXT.search(text)
        ),
        "is_hotfix": any(_HOTFIX.search(str(part)) for part in (title, branch, *labels)),
        **keys,
    }


def note_kind(note: Mapping[str, Any]) -> str | None:
    """Return what a note is: a comment, or a system note that moves the merge request."""
    if not note.get("system"):
        return "comment"
    text = str(note.get("body") or "")
    return next((kind for kind, pattern in _NOTES if pattern.match(text)), None)


# rows


def project_row(row: Mapping[str, Any]) -> Row:
    """Return the raw row of a project."""
    return {
        "id": str(row["id"]),
        "path": row.get("path_with_namespace"),
        "default_branch": row.get("default_branch"),
        "created_at": instant(row.get("created_at")),
        "payload": {name: row.get(name) for name in ("visibility", "archived")},
    }


def _times(row: Mapping[str, Any], *names: str) -> Row:
    return {name: instant(row.get(name)) for name in names}


def pipeline_row(project: Project, row: Mapping[str, Any]) -> Row:
    """Return the raw row of a pipeline with its details."""
    return {
        "id": str(row["id"]),
        "iid": row.get("iid"),
        "project": project.path,
        **{name: row.get(name) for name in ("sha", "source", "status")},
        **_times(row, "created_at", "started_at", "finished_at", "updated_at"),
        "payload": {
            "ref": shown_ref(row.get("ref"), project.default_branch),
            **{name: row.get(name) for name in ("tag", "duration", "queued_duration")},
            "user": user(row.get("user")),
        },
    }


def job_row(pipeline_id: str, row: Mapping[str, Any]) -> Row:
    """Return the raw row of a job."""
    kept = ("name", "stage", "allow_failure", "failure_reason", "duration", "queued_duration")
    kind = (row.get("runner") or {}).get("runner_type")
    return {
        "id": str(row["id"]),
        "pipeline_id": pipeline_id,
        "status": row.get("status"),
        **_times(row, "created_at", "started_at", "finished_at"),
        "payload": {
            **{name: row.get(name) for name in kept},
            # Shared runners are asked for by no tag.
            "labels": [*(row.get("tag_list") or []), *([kind] if kind else [])],
        },
    }


def bridge_row(pipeline_id: str, row: Mapping[str, Any]) -> Row:
    """Return the raw row of a job that starts another pipeline."""
    downstream = row.get("downstream_pipeline") or {}
    job = job_row(pipeline_id, row)
    return {**job, "downstream_pipeline_id": _text(downstream.get("id"))}


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def environment_row(project: Project, row: Mapping[str, Any]) -> Row:
    """Return the raw row of an environment."""
    return {
        "id": str(row["id"]),
        "project": project.path,
        "name": shown_environment(NAME, row.get("name")),
        "tier": row.get("tier"),
        "payload": {name: row.get(name) for name in ("state", "created_at")},
    }


def deployment_row(project: Project, row: Mapping[str, Any]) -> Row:
    """Return the raw row of a deployment.

    It ends with its job. One without a job, or whose job never ran, ends with its last change.
    """
    job = row.get("deployable") or {}
    last_change = None if row.get("status") in OPEN else row.get("updated_at")
    return {
        "id": str(row["id"]),
        "iid": row.get("iid"),
        "project": project.path,
        "environment": shown_environment(NAME, (row.get("environment") or {}).get("name")),
        "sha": row.get("sha"),
        "status": row.get("status"),
        "job_status": job.get("status"),
        **_times(row, "created_at", "updated_at"),
        "started_at": instant(job.get("started_at")),
        "finished_at": instant(job.get("finished_at") or last_change),
        "payload": {
            "environment_id": _text((row.get("environment") or {}).get("id")),
            "job_id": _text(job.get("id")),
            "pipeline_id": _text((job.get("pipeline") or {}).get("id")),
            "user": user(row.get("user")),
        },
    }


def _item_row(project: Project, row: Mapping[str, Any]) -> Row:
    return {
        "id": str(row["id"]),
        "iid": row.get("iid"),
        "project": project.path,
        "status": row.get("state"),
        **_times(row, "created_at", "updated_at", "closed_at"),
    }


def merge_request_row(project: Project, row: Mapping[str, Any], commits: Iterable[Row]) -> Row:
    """Return the raw row of a merge request."""
    return {
        **_item_row(project, row),
        "merged_at": instant(row.get("merged_at")),
        "payload": {
            "is_draft": bool(row.get("draft") or row.get("work_in_progress")),
            "author": user(row.get("author")),
            "target_branch": shown_ref(row.get("target_branch"), project.default_branch),
            **{name: row.get(name) for name in ("sha", "merge_commit_sha", "squash_commit_sha")},
            "labels": shown_labels(row.get("labels")),
            **derived(project, row, commits),
            **assistance(
                (
                    Signed(
                        commit.get("message"), commit.get("author_name"), commit.get("author_email")
                    )
                    for commit in commits
                ),
                (row.get("author") or {}).get("username"),
            ),
        },
    }


def issue_row(project: Project, row: Mapping[str, Any]) -> Row:
    """Return the raw row of an issue."""
    return {
        **_item_row(project, row),
        "payload": {
            "author": user(row.get("author")),
            "labels": shown_labels(row.get("labels")),
            "issue_type": row.get("issue_type"),
            "weight": row.get("weight"),
        },
    }


def commit_row(merge_request_id: str, row: Mapping[str, Any]) -> Row:
    """Return the raw row of a commit; its author is only a name and an address."""
    return {
        "merge_request_id": merge_request_id,
        "sha": row["id"],
        "authored_at": instant(row.get("authored_date")),
        "committed_at": instant(row.get("committed_date")),
        "payload": {},
    }


def note_row(merge_request_id: str, row: Mapping[str, Any]) -> Row:
    """Return the raw row of a note, without its text."""
    return {
        "id": str(row["id"]),
        "merge_request_id": merge_request_id,
        "kind": note_kind(row),
        "created_at": instant(row.get("created_at")),
        "payload": {"author": user(row.get("author"))},
    }


def state_row(parent: str, parent_id: str, row: Mapping[str, Any]) -> Row:
    """Return the raw row of a change between opened, closed and merged."""
    return {
        "id": str(row["id"]),
        parent: parent_id,
        "state": row.get("state"),
        "created_at": instant(row.get("created_at")),
        "payload": {"user": user(row.get("user"))},
    }


def label_row(issue_id: str, row: Mapping[str, Any]) -> Row:
    """Return the raw row of a label that was added or removed."""
    return {
        "id": str(row["id"]),
        "issue_id": issue_id,
        "action": row.get("action"),
        "label": (row.get("label") or {}).get("name"),
        "created_at": instant(row.get("created_at")),
        "payload": {"user": user(row.get("user"))},
    }


def status_of(node: Mapping[str, Any]) -> Row | None:
    """Return the raw row of a work item's status; None where it has none."""
    told = next((w["status"] for w in node.get("widgets") or () if w and w.get("status")), None)
    return told and {
        "id": str(node["id"]).rpartition("/")[2],
        "payload": {"status": told.get("name"), "category": told.get("category")},
    }


# reading


@dataclass(frozen=True)
class Kind:
    """Something that projects have many of.

    Args:
        table: Its raw table.
        children: The raw tables of what is read with it.
        address: What names one of them in its path: id or iid.
        order: What the whole listing is ordered by; it does not change while we page.
        state: What names its state in GitLab's answers.
        filters: Filters of the listings that together show all of them.
        unfinished: SQL condition of the rows that are read by id until they have ended.
    """

    table: RawTable
    children: tuple[RawTable, ...]
    address: str
    order: str
    state: str
    filters: tuple[Mapping[str, str], ...] = ({},)
    unfinished: str = "false"

    def version(self, row: Mapping[str, Any]) -> str:
        """Return the version of a listed row, as VERSION makes it of a stored one."""
        updated = instant(row.get("updated_at"))
        parts = (row.get(self.state), updated and round(updated.timestamp() * 1000))
        return "|".join(str(part) for part in parts if part is not None)

    @property
    def tables(self) -> tuple[RawTable, ...]:
        """The raw tables that are filled together."""
        return (self.table, *self.children)

    def place(self, project: Project, row: Mapping[str, Any] | None = None) -> str:
        """Return the path of the listing, or of one row of it."""
        path = f"/projects/{project.id}/{self.table.name}"
        return path if row is None else f"{path}/{row[self.address]}"


KINDS = (
    Kind(
        PIPELINES,
        (JOBS, BRIDGES),
        "id",
        "id",
        "status",
        ({}, {"source": "parent_pipeline"}),
        f"""
        status in {OPEN} or id in (
            select pipeline_id from gitlab.jobs where status in {OPEN}
            union all
            select pipeline_id from gitlab.bridges where status in {OPEN}
        )
        """,
    ),
    Kind(
        DEPLOYMENTS,
        (DEPLOYMENT_MERGE_REQUESTS,),
        "id",
        "id",
        "status",
        unfinished=f"status in {OPEN} or job_status in {OPEN}",
    ),
    Kind(MERGE_REQUESTS, (COMMITS, NOTES, MERGE_REQUEST_STATES), "iid", "created_at", "state"),
    Kind(ISSUES, (ISSUE_STATES, ISSUE_LABELS), "iid", "created_at", "state"),
)


@dataclass
class Reader:
    """What one load shares."""

    work: Load
    api: Api
    projects: list[Project]
    server_now: datetime
    start: datetime | None
    began: float = field(default_factory=time.monotonic)
    room: int = MOST_IN_WINDOW
    outage: Outage = field(default_factory=Outage)
    is_over: bool = False

    def everything(self) -> Iterator[dict[str, pa.Table]]:
        """Yield the rows of all kinds, project by project; one that fails is noted."""
        state = dlt.current.resource_state()
        todo = [(kind, project) for project in self.projects for kind in KINDS]
        if self.work.windows:
            left = state.get("unfinished", ())
            todo = [pair for pair in todo if _mark(*pair) in left]
        else:
            yield from self._environments()
        unfinished = state["unfinished"] = [_mark(*pair) for pair in todo]
        for kind, project in todo:
            if self.room <= 0:
                break
            audits = {
                table.name: self.work.audit(table.name, scope=project.path) for table in kind.tables
            }
            if self.is_over:
                audit = audits[kind.table.name]
                audit.status, audit.message = "partial", "the run's time is used"
                continue
            is_done = True
            try:
                is_done = yield from self._read(state, kind, project, audits)
                self.outage.end()
            except Refused:
                raise
            except SourceError as failure:
                self._note(audits, failure)
            if is_done:
                unfinished.remove(_mark(kind, project))
        self.work.more = bool(unfinished) and not self.is_over

    def _note(self, audits: Mapping[str, Audit], failure: SourceError) -> None:
        status = "incomplete" if isinstance(failure, IncompleteRead) else "failed"
        if isinstance(failure, BudgetExhausted):
            status, self.is_over = "partial", True
        for audit in audits.values():
            audit.status, audit.message = status, str(failure)
        self.outage.note(failure)

    def _environments(self) -> Iterator[dict[str, pa.Table]]:
        for project in self.projects:
            audit = self.work.audit(ENVIRONMENTS.name, scope=project.path)
            try:
                found = Listing(self.api, f"/projects/{project.id}/environments").rows()
            except (Forbidden, IncompleteRead) as failure:
                # Deployments carry the names too: a project without this feature is no fault.
                audit.message = str(failure)
                continue
            rows = [environment_row(project, row) for row in found]
            audit.api_count = audit.extracted = len(rows)
            yield {ENVIRONMENTS.name: ENVIRONMENTS.batch(rows, project.path)}

    def _read(
        self, state: Any, kind: Kind, project: Project, audits: Mapping[str, Audit]
    ) -> Generator[dict[str, pa.Table], None, bool]:
        """Yield what changed in a window, and after the last one what windows do not show."""
        audit, mark, goes_on = audits[kind.table.name], _mark(kind, project), self.work.windows > 0
        history = self._history(state, kind, project)
        whole = next_window(
            state,
            mark,
            self.server_now,
            # A window that goes on where this load's last one ended needs no overlap.
            overlap=timedelta(0) if goes_on else OVERLAP,
            safety_lag=SAFETY_LAG,
            start=self.start,
            full=self.work.full and not goes_on,
        )
        window, listed = self._listed(kind, project, whole)
        audit.window_from, audit.window_to = window.lo, window.hi
        audit.api_count = len(listed)
        history.note(instant(row.get("created_at")) for row in listed.values())
        census = Census.of(NAME, kind.table, project.path, version=VERSION)
        is_anew = self.work.full or is_backfill()
        changed = [
            row
            for row_id, row in listed.items()
            if is_anew or census.known.get(row_id, ("",))[0] != kind.version(row)
        ]
        audit.extracted += len(listed) - len(changed)
        audit.loaded = 0
        yield from self._whole(kind, project, changed, audits)
        close_window(state, mark, window)
        self.room -= len(changed)
        if kind.table is ISSUES:
            yield from self._statuses(project, changed, window.hi == whole.hi)
        if window.hi < whole.hi:
            return False
        if is_backfill():
            return True
        done = set(listed)
        polled = self._unfinished(kind, project, done, audit)
        yield from self._whole(kind, project, polled, audits)
        done.update(str(row["id"]) for row in polled)
        if census.is_due(state.setdefault(mark, {}), self.server_now):
            yield from self._counted(state[mark], kind, project, census, done, audits, history)
        if kind.table is PIPELINES:
            yield {HISTORY_GAPS.name: self._gaps(project, history)}
        return True

    @property
    def graphql(self) -> str:
        """Where GraphQL is; empty where this GitLab gives work items no status of their own."""
        address = f"{self.api.base_url.removesuffix('/v4')}/graphql"
        if "statuses" not in self.work.kept:
            reply = self.api.post(address, {"query": KNOWN_STATUSES}, allow=(400, 403, 404, 405))
            types = ((reply.data or {}).get("data") or {}) if reply.status == 200 else {}
            fields = {
                (name, field["name"], (field.get("type") or {}).get("name"))
                for name in ("widget", "status")
                for field in (types.get(name) or {}).get("fields") or ()
            }
            wanted = {("status", "name", None), ("status", "category", None)}
            # Requirements had a status of this name, which was a text.
            self.work.kept["statuses"] = fields >= {*wanted, ("widget", "status", "WorkItemStatus")}
        return address if self.work.kept["statuses"] else ""

    def _statuses(
        self, project: Project, changed: Sequence[Row], with_open: bool
    ) -> Iterator[dict[str, pa.Table]]:
        """Yield the statuses of issues that are not stored as they are.

        That one moved changes no `updated_at`, so all open ones are asked for. No history is told:
        what changes is kept with the day on which a load saw it.
        """
        if not self.graphql:
            return
        audit = self.work.audit(ISSUE_STATUSES.name, scope=project.path)
        closed = [str(row["iid"]) for row in changed if row.get("state") == "closed"]
        asked: list[Row] = [
            {"iids": closed[start : start + STATUSES_PER_QUERY]}
            for start in range(0, len(closed), STATUSES_PER_QUERY)
        ]
        try:
            found = {
                row["id"]: row
                for some in [*asked, *([{"state": "opened"}] if with_open else [])]
                for node in self._work_items(project, some)
                for row in [status_of(node)]
                if row
            }
        except Unavailable as failure:
            audit.status = "failed"
            audit.message = f"{failure}; not asked again in this load"
            self.work.kept["statuses"] = False
            return
        except SourceError as failure:
            self._note({ISSUE_STATUSES.name: audit}, failure)
            return
        audit.extracted = len(found)
        rows, seen = changed_since(NAME, ISSUE_STATUSES, found.values(), self.server_now)
        audit.loaded = len(rows)
        yield {
            ISSUE_STATUSES.name: ISSUE_STATUSES.batch(rows, project.path),
            SNAPSHOTS.name: SNAPSHOTS.batch(seen, project.path),
        }

    def _work_items(self, project: Project, asked: Row) -> Iterator[Row]:
        """Yield work items of a project page by page.

        Raises:
            IncompleteRead: The listing comes back to a page that was there.
        """
        after, seen = None, set[Any]()
        while after not in seen:
            seen.add(after)
            body = {
                "query": STATUSES,
                "variables": {"path": project.path, **asked, "after": after},
            }
            data = self.api.post(self.graphql, body, reject=_errors).data["data"]
            page = (data.get("project") or {}).get("workItems")
            if page is None:
                raise Forbidden(f"gitlab: GraphQL shows no work items of {project.path}")
            yield from filter(None, page["nodes"])
            if not page["pageInfo"]["hasNextPage"]:
                return
            after = page["pageInfo"]["endCursor"]
        raise IncompleteRead("gitlab: the pages of work items do not end")

    def _history(self, state: Any, kind: Kind, project: Project) -> History:
        """Return what all windows of this load are shown of a kind; of pipelines, how long kept."""
        mark = _mark(kind, project)
        read_to = state.get("watermarks", {}).get(mark)
        history = History(
            read_to and datetime.fromisoformat(read_to), self.start, born=project.created_at
        )
        if kind.table is PIPELINES:
            history.keeps = project.keeps_pipelines
        return self.work.kept.setdefault(mark, history)

    def _gaps(self, project: Project, history: History) -> pa.Table:
        """Return of which times GitLab shows no pipelines because it has deleted them."""
        [(oldest,)] = warehouse.rows(
            NAME,
            "select min(epoch_us(created_at)) from gitlab.pipelines where _scope = $scope",
            scope=project.path,
        )
        rows = history.gaps(
            PIPELINES, project.path, self.server_now, self.known_gaps, moment(oldest)
        )
        return HISTORY_GAPS.batch(rows, project.path)

    @cached_property
    def known_gaps(self) -> Gaps:
        """The gaps that are stored; each scope is asked for once a load."""
        return known_gaps(NAME, PIPELINES)

    def _listed(
        self, kind: Kind, project: Project, window: Window
    ) -> tuple[Window, dict[str, Row]]:
        """Return a window's first part that is short enough to be listed, and its rows by id."""
        opened: dict[Window, list[Listing]] = {}

        def size(window: Window) -> int:
            span = {"order_by": "updated_at", "sort": "asc", "updated_before": _stamp(window.hi)}
            if window.lo:
                # Versions differ on whether the moment itself belongs to it.
                span["updated_after"] = _stamp(window.lo - timedelta(seconds=1))
            place = kind.place(project)
            opened[window] = [Listing(self.api, place, {**part, **span}) for part in kind.filters]
            return sum(listing.size() for listing in opened[window])

        window, _ = shortened(window, size, MOST_IN_WINDOW)
        try:
            rows = [row for listing in opened[window] for row in listing.rows()]
        except OffsetRefused:
            raise IncompleteRead(
                f"gitlab: more {kind.table.name} in ten minutes than GitLab lists, until "
                f"{_stamp(window.hi)}"
            ) from None
        return window, _once(rows)

    def _whole(
        self, kind: Kind, project: Project, rows: Sequence[Row], audits: Mapping[str, Audit]
    ) -> Iterator[dict[str, pa.Table]]:
        """Yield the raw rows of listed rows and of all that hangs on them."""
        read: Callable[[Project, Row], Part | None] = getattr(self, f"_{kind.table.name}")
        for start in range(0, len(rows), CHUNK):
            some = rows[start : start + CHUNK]
            parts = self._parallel(lambda row: read(project, row), some)
            audits[kind.table.name].rejected += sum(part is None for part in parts)
            bundle = {}
            for table in kind.tables:
                found = [row for part in parts if part for row in part[table.name]]
                audits[table.name].extracted += len(found)
                audits[table.name].finished_at = datetime.now(UTC)
                if table is kind.table:
                    audits[table.name].loaded += len(found)
                if found:
                    bundle[table.name] = table.batch(found, project.path)
            yield bundle
            self.work.progress(kind.table.name, start + len(some), len(rows), self.began)

    def _parallel(self, ask: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
        with ThreadPoolExecutor(CONCURRENT_REQUESTS) as pool:
            return list(pool.map(ask, items))

    def _below(self, place: str, name: str, **params: str) -> list[Row]:
        try:
            return Listing(self.api, f"{place}/{name}", params).rows()
        except Forbidden:
            # Deleted since it was listed, or switched off in this project.
            return []

    def _pipelines(self, project: Project, row: Row) -> Part | None:
        place = f"/projects/{project.id}/pipelines/{row['id']}"
        if "detailed_status" not in row:
            # It was listed: the listing lacks when it started and ended.
            reply = self.api.get(place, allow=(404,))
            if reply.status == 404:
                return None
            row = {**row, **reply.data}
        pipeline_id = str(row["id"])
        jobs = self._below(place, "jobs", include_retried="true")
        bridges = self._below(place, "bridges")
        return {
            PIPELINES.name: [pipeline_row(project, row)],
            JOBS.name: [job_row(pipeline_id, job) for job in jobs],
            BRIDGES.name: [bridge_row(pipeline_id, bridge) for bridge in bridges],
        }

    def _deployments(self, project: Project, row: Row) -> Part:
        # GitLab links merge requests when a deployment has succeeded.
        place = f"/projects/{project.id}/deployments/{row['id']}"
        linked = self._below(place, "merge_requests") if row.get("status") == "success" else []
        return {
            DEPLOYMENTS.name: [deployment_row(project, row)],
            DEPLOYMENT_MERGE_REQUESTS.name: [
                {
                    "deployment_id": str(row["id"]),
                    "merge_request_id": str(request["id"]),
                    "payload": {},
                }
                for request in linked
            ],
        }

    def _merge_requests(self, project: Project, row: Row) -> Part:
        place = f"/projects/{project.id}/merge_requests/{row['iid']}"
        row_id = str(row["id"])
        commits = self._below(place, "commits")
        notes = self._below(place, "notes", sort="asc", order_by="created_at")
        states = self._below(place, "resource_state_events")
        return {
            MERGE_REQUESTS.name: [merge_request_row(project, row, commits)],
            COMMITS.name: [commit_row(row_id, commit) for commit in commits],
            NOTES.name: [note_row(row_id, note) for note in notes if note_kind(note)],
            MERGE_REQUEST_STATES.name: [
                state_row("merge_request_id", row_id, event) for event in states
            ],
        }

    def _issues(self, project: Project, row: Row) -> Part:
        place = f"/projects/{project.id}/issues/{row['iid']}"
        row_id = str(row["id"])
        states = self._below(place, "resource_state_events")
        labels = [label_row(row_id, event) for event in self._below(place, "resource_label_events")]
        return {
            ISSUES.name: [issue_row(project, row)],
            ISSUE_STATES.name: [state_row("issue_id", row_id, event) for event in states],
            ISSUE_LABELS.name: [event for event in labels if shown_labels([event["label"]])],
        }

    def _unfinished(self, kind: Kind, project: Project, done: set[str], audit: Audit) -> list[Row]:
        """Read by id what had not ended when it was stored, and is not listed in this window."""
        stored = self._stored(kind, project, f"({kind.unfinished})", done)
        replies = self._by_id(kind, project, stored)
        found = [reply.data for reply in replies.values() if reply.status == 200]
        audit.api_count += len(found)
        return found

    def _stored(
        self, kind: Kind, project: Project, where: str, without: set[str]
    ) -> list[Mapping[str, Any]]:
        """Return id and iid of stored rows that have no tombstone."""
        rows = warehouse.rows(
            NAME,
            f"""
            select id, iid from gitlab.{kind.table.name}
            where _scope = $scope and {where} and id not in (
                select id from gitlab.tombstones where object = $object and gone_at is not null
            )
            order by id
            """,
            scope=project.path,
            object=kind.table.name,
        )
        return [{"id": row_id, "iid": iid} for row_id, iid in rows if row_id not in without]

    def _by_id(
        self, kind: Kind, project: Project, rows: Sequence[Mapping[str, Any]]
    ) -> dict[str, Reply]:
        replies = self._parallel(
            lambda row: self.api.get(kind.place(project, row), allow=(403, 404)), rows
        )
        return dict(zip((row["id"] for row in rows), replies, strict=True))

    def _counted(
        self,
        state: Any,
        kind: Kind,
        project: Project,
        census: Census,
        done: set[str],
        audits: Mapping[str, Audit],
        history: History,
    ) -> Iterator[dict[str, pa.Table]]:
        """Yield what a census of the project finds beside the windows, and its tombstones.

        What GitLab deletes because of its age is not missed.
        """
        listed = self._all(kind, project)
        history.note(instant(row.get("created_at")) for row in listed.values())
        if history.keeps not in (None, FOREVER):
            expired = max(self.server_now - history.keeps, history.oldest or EARLIEST)
            for (row_id,) in warehouse.rows(
                NAME,
                f"select id from gitlab.{kind.table.name}"
                " where _scope = $scope and epoch_ms(created_at) < $expired",
                scope=project.path,
                expired=int(expired.timestamp() * 1000),
            ):
                if row_id not in listed:
                    census.known.pop(row_id, None)
        found = census.compare(
            {row_id: (kind.version(row), project.path) for row_id, row in listed.items()}
        )
        wanted = [listed[row_id] for row_id in found.wanted if row_id not in done]
        yield from self._whole(kind, project, wanted, audits)
        rows = self._stored(kind, project, "true", done) if found.suspects else []
        rows = [row for row in rows if row["id"] in found.suspects]
        states = {200: PRESENT, 403: "no_access", 404: "deleted"}
        verdicts = {
            row_id: states[reply.status]
            for row_id, reply in self._by_id(kind, project, rows).items()
        }
        marks = census.settle(found, verdicts, self.server_now)
        if marks:
            yield {TOMBSTONES.name: TOMBSTONES.mixed(marks)}
        census.note(self.work, found)
        census.close(state, self.server_now)

    def _all(self, kind: Kind, project: Project) -> dict[str, Row]:
        """List everything; where that is longer than GitLab pages, window by window."""
        place = kind.place(project)
        found: dict[str, Row] = {}
        for part in kind.filters:
            order = {**part, "order_by": kind.order, "sort": "asc"}
            try:
                found |= _once(Listing(self.api, place, order).rows())
            except OffsetRefused:
                found |= self._by_windows(kind, project)
                break
        return {
            row_id: row
            for row_id, row in found.items()
            if self.start is None or (_last(row) or self.start) >= self.start
        }

    def _by_windows(self, kind: Kind, project: Project) -> dict[str, Row]:
        found: dict[str, Row] = {}
        # What changes meanwhile moves to a later window.
        rest = Window(self.start, self.server_now + EVERY)
        while rest.lo is None or rest.lo < rest.hi:
            window, rows = self._listed(kind, project, rest)
            found |= rows
            rest = Window(window.hi, rest.hi)
        return found


def _errors(answer: Any) -> str | None:
    """Return why an answer of GraphQL is no whole one: an error, whose text may quote anything."""
    is_whole = isinstance(answer, dict) and answer.get("data") and not answer.get("errors")
    return None if is_whole else "errors"


def _stamp(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")


def _mark(kind: Kind, project: Project) -> str:
    return f"{kind.table.name} {project.key}"


def _once(rows: Iterable[Row]) -> dict[str, Row]:
    return {str(row["id"]): row for row in rows}


def _last(row: Row) -> datetime | None:
    return instant(row.get("updated_at")) or instant(row.get("created_at"))


# the source


def found_projects(work: Load, api: Api, config: GitLabSettings) -> list[Row]:
    """Return the configured projects, or all that the token is a member of, once each.

    One that cannot be read is a failed scope; the others go on.
    """
    found: dict[str, Row] = {}
    members: list[Row] | None = None
    for name in config.projects or ("*",):
        if name.endswith("*"):
            members = _members(api) if members is None else members
            prefix = name[:-1].lower()
            rows = [row for row in members if _path(row).lower().startswith(prefix)]
        else:
            reply = api.get(f"/projects/{quote(name, safe='')}", allow=(403, 404))
            rows = [reply.data] if reply.status == 200 else []
        if not rows and config.projects:
            message = f"{setting_name(NAME, 'projects')}: not there, or hidden from this token"
            work.audit(PROJECTS.name, scope=name, status="failed", message=message)
        found |= _once(rows)
    return list(found.values())


def _members(api: Api) -> list[Row]:
    params = {"membership": "true", "pagination": "keyset", "order_by": "id", "sort": "asc"}
    return Listing(api, "/projects", params).rows()


def _path(row: Mapping[str, Any]) -> str:
    return str(row["path_with_namespace"])


def build(work: Load) -> DltSource:
    """Return the source with everything that changed since the last load.

    Raises:
        SourceError: GitLab refuses the credentials, or gives no answer.
    """
    config = _settings()
    api = _api(config)
    server_now = _server_time(api)
    found = found_projects(work, api, config)
    projects = [Project.of(row) for row in found]
    reader = Reader(work, api, projects, server_now, start_of(NAME, config.start_date))

    def listed() -> Iterator[pa.Table]:
        yield PROJECTS.batch([project_row(row) for row in found])
        work.audit(
            PROJECTS.name,
            api_count=len(found),
            extracted=len(found),
            # None at all is a lost permission; what we have stays.
            status="complete" if found else "incomplete",
            message="" if found else "GitLab shows no project to this token",
        )

    def part_of(table: RawTable) -> Callable[[dict[str, pa.Table]], Any]:
        return lambda bundle: bundle.get(table.name)

    @dlt.source(name=NAME, max_table_nesting=0)
    def gitlab() -> Iterator[Any]:
        if not work.windows:
            yield PROJECTS.resource(listed)
        parent = dlt.resource(lambda: reader.everything(), name="read", selected=False)
        for table in TABLES[1:]:
            yield table.transformer(part_of(table), parent)

    return gitlab()

"""Jira: issues with their change histories, and the dimensions they refer to.

Settings: SOURCES__JIRA__BASE_URL, EMAIL and API_TOKEN (Cloud) or API_TOKEN alone (a bearer token:
personal access token of a Data Center) or CLIENT_ID and CLIENT_SECRET (OAuth of a service account
of a Cloud, whose base is https://api.atlassian.com/ex/jira/{cloudId}), PROJECTS (JSON list; empty
= all visible), DEPLOYMENT (cloud or datacenter; default: asked from the server), START_DATE,
TITLES (true loads the titles of issues), FIELDS (JSON list: ids of custom fields that are loaded
besides, filled in for all issues), STORY_POINTS_FIELD, TEAM_FIELD and FLAGGED_FIELD (id of the
custom field where several could be meant, or none is known by its name; `flowhouse doctor` lists
them), TOKEN_URL (where the token of CLIENT_ID is minted; default: /oauth/token of BASE_URL's host).

Windows are closed on `updated` by the server's clock, five minutes behind it because the search
index lags, and reach back half an hour. Bounds are epoch milliseconds: a date in quotes would be
read in the searching user's time zone. On Cloud, search gives ids only; bodies and histories are
then read by id, where nothing lags, and only where the version that we have is another one. A
census of all ids follows the windows (`extract/census.py`): it finds what the index hid, and what
is gone. Issues that vanish from the source stay in the raw tables and get a tombstone.

An update that leaves `updated` as it was (a workflow, a link) is in no window. So the histories of
all issues are compared with what is loaded once a month, a part of them on each day.

Each changelog is checked: every status change begins where the one before it ended, and the last
one ends where the issue is now. Where it does not, the other endpoints are asked too and the union
is kept. `history_checks` says what came of it: complete; conflict (the endpoints disagree; the
union is loaded); gap (a change is missing everywhere); truncated (Jira did not give all).
"""

import base64
import bisect
import math
import time
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, ClassVar
from urllib.parse import SplitResult, urljoin, urlsplit

import dlt
import msgspec
from dlt.common.configuration import configspec
from dlt.common.typing import TSecretStrValue
from dlt.sources import DltSource

from extract import warehouse
from extract.api import OBJECT, ROWS, Api, Forbidden, IncompleteRead, Reply
from extract.census import Census, Findings, tombstones
from extract.privacy import KEEP, pick
from extract.probes import Probe, clock
from extract.run import LoadRun
from extract.settings import setting_name
from extract.snapshots import changed, snapshots
from extract.source import ServerSettings, Source
from extract.sources.jira.rows import (
    BOARD,
    COMPONENT,
    FIELD,
    ISSUE_TYPE,
    NAME,
    NAMED,
    PROJECT,
    SPRINT,
    STATUS,
    VERSION,
    Body,
    Chain,
    History,
    Rows,
    candidates,
    milliseconds,
    person_of,
)
from extract.tables import (
    BIGINT,
    BOOLEAN,
    TEXT,
    TIMESTAMP,
    Batch,
    RawTable,
    decode,
    encode,
    instant,
    resource,
)
from extract.tokens import client_token
from extract.windows import Window, bisect_window

PROJECTS = RawTable(
    "projects", "/rest/api/3/project/search", ("id",), {"id": TEXT, "key": TEXT, "name": TEXT}
)
STATUSES = RawTable(
    "statuses", "/rest/api/3/status", ("id",), {"id": TEXT, "name": TEXT, "category_key": TEXT}
)
ISSUE_TYPES = RawTable(
    "issue_types",
    "/rest/api/3/issuetype",
    ("id",),
    {"id": TEXT, "name": TEXT, "hierarchy_level": BIGINT},
)
READING = 4
"""Counts up when more of an answer is kept than before: all issues are then read again, once.

2: the former key and project of a moved issue, in whatever form a history tells them.
3: untranslated names, the wording of links, Parent Link, the fields that points and teams come
from, and the place of each history among others of the same moment.
4: which links a history says were made and taken away.
"""

PRIORITIES = RawTable("priorities", "/rest/api/3/priority", ("id",), {"id": TEXT, "name": TEXT})
RESOLUTIONS = RawTable("resolutions", "/rest/api/3/resolution", ("id",), {"id": TEXT, "name": TEXT})
LINK_TYPES = RawTable(
    "link_types", "/rest/api/3/issueLinkType", ("id",), {"id": TEXT, "name": TEXT}
)

FIELDS = RawTable("fields", "/rest/api/3/field", ("id",), {"id": TEXT, "name": TEXT})
BOARDS = RawTable(
    "boards",
    "/rest/agile/1.0/board",
    ("id",),
    {"id": TEXT, "name": TEXT, "kind": TEXT, "project_key": TEXT},
)
SPRINTS = RawTable(
    "sprints",
    "/rest/agile/1.0/sprint",
    ("id",),
    {
        "id": TEXT,
        "name": TEXT,
        "board_id": TEXT,
        "state": TEXT,
        "start_at": TIMESTAMP,
        "end_at": TIMESTAMP,
        "complete_at": TIMESTAMP,
    },
)
VERSIONS = RawTable(
    "versions",
    "/rest/api/3/project/{id}/versions",
    ("id",),
    {"id": TEXT, "name": TEXT, "project_key": TEXT, "is_released": BOOLEAN, "release_on": TEXT},
)
COMPONENTS = RawTable(
    "components",
    "/rest/api/3/project/{id}/components",
    ("id",),
    {"id": TEXT, "name": TEXT, "project_key": TEXT},
)
ISSUES = RawTable(
    "issues",
    "/rest/api/3/issue/bulkfetch",
    ("id",),
    {
        "id": TEXT,
        "key": TEXT,
        "project_id": TEXT,
        "project_key": TEXT,
        "created_at": TIMESTAMP,
        "updated_at": TIMESTAMP,
    },
    work_item_kind="issue",
)
HISTORIES = RawTable(
    "histories",
    "/rest/api/3/changelog/bulkfetch",
    ("issue_id", "id"),
    {
        "id": TEXT,
        "issue_id": TEXT,
        "created_at": TIMESTAMP,
        "item_count": BIGINT,
        "place": BIGINT,
    },
)
HISTORY_CHECKS = RawTable(
    "history_checks",
    "/rest/api/3/issue/{id}/changelog",
    ("issue_id",),
    {"issue_id": TEXT, "history_count": BIGINT, "history_quality": TEXT},
)
WORKLOGS = RawTable(
    "worklogs",
    "/rest/api/3/worklog/list",
    ("id",),
    {
        "id": TEXT,
        "issue_id": TEXT,
        "started_at": TIMESTAMP,
        "updated_at": TIMESTAMP,
        "time_spent_s": BIGINT,
    },
)
MISFITS = RawTable(
    "misfits",
    "/rest/api/3/issue/bulkfetch",
    ("object", "id", "field"),
    {"object": TEXT, "id": TEXT, "field": TEXT, "found_type": TEXT},
)
TOMBSTONES = tombstones("/rest/api/3/search/jql")
SNAPSHOTS = snapshots("/rest/api/3/status")
TABLES = (
    PROJECTS,
    STATUSES,
    ISSUE_TYPES,
    PRIORITIES,
    RESOLUTIONS,
    LINK_TYPES,
    FIELDS,
    BOARDS,
    SPRINTS,
    VERSIONS,
    COMPONENTS,
    ISSUES,
    HISTORIES,
    HISTORY_CHECKS,
    WORKLOGS,
    MISFITS,
    TOMBSTONES,
    SNAPSHOTS,
)

OVERLAP = timedelta(minutes=30)
FLOOR = timedelta(minutes=2)
"""How far the lower bound of a query goes below its minute: precision below it is unproven."""

DAILY = timedelta(hours=20)
"""What costs a request per project or board is read at most this often."""

LOADS_PER_MONTH = 30
"""In how many daily loads the histories of all issues are compared with what is loaded."""

WHERE = ("project", "updated", "archiveddate")
"""What is asked of an issue that search no longer shows."""

NEWEST = "updated >= 0 ORDER BY updated DESC"

ROOTS = {"cloud": "/rest/api/3", "datacenter": "/rest/api/2"}
AGILE = "/rest/agile/1.0"
MOST_IN_WINDOW = 20_000
IDS_PER_SEARCH = 5_000
BODIES_PER_REQUEST = 100
ISSUES_PER_BATCH = 800
"""A history page holds 10,000: twelve histories for each issue of a batch fit into one."""

HISTORIES_PER_REQUEST = 10_000
WORKLOGS_PER_REQUEST = 1_000
SERVER_PAGE = 50
MOST_PAGES = 10_000
MOST_OMITTED = 100
CONCURRENT_REQUESTS = 4
CHOSEN_ROLES = ("story_points", "team", "flagged")
"""What a setting may name the custom field of."""

UNTOUCHED = timedelta(minutes=1)
"""An issue without a history was edited when its update is this much later than its creation."""


@configspec
class JiraSettings(ServerSettings):
    """The settings of the source."""

    SOURCE: ClassVar[str] = NAME
    ROOT_HOSTS: ClassVar[str] = r"\.atlassian\.net"
    PAGES: ClassVar[str] = r"/(rest|browse|secure|wiki)(/|$)"

    api_token: TSecretStrValue | None = None
    email: str | None = None
    client_id: str | None = None
    client_secret: TSecretStrValue | None = None
    projects: list[str] | None = None
    deployment: str | None = None
    titles: bool = False
    fields: list[str] | None = None
    story_points_field: str | None = None
    team_field: str | None = None
    flagged_field: str | None = None
    token_url: str | None = None

    def chosen(self) -> dict[str, str | None]:
        """Return the custom fields that are chosen by hand: role → id."""
        return {role: self[f"{role}_field"] for role in CHOSEN_ROLES}

    def complete(self) -> list[str]:
        """Ask for what belongs together."""
        needed = ["client_secret"] if self.client_id else ["api_token"]
        host = urlsplit(self.base_url).hostname or ""
        if host.endswith(".atlassian.net") and not self.client_id:
            needed.append("email")
        faults = [f"{setting_name(NAME, name)} is not set" for name in needed if not self[name]]
        if self.deployment not in (None, "", "cloud", "datacenter"):
            faults.append(f"{setting_name(NAME, 'deployment')} is neither cloud nor datacenter")
        return faults + super().complete()

    @classmethod
    def path_of_root(cls, address: SplitResult) -> str:
        """Return the path; the root for OAuth clients lies below a host that is not the site's."""
        path = super().path_of_root(address)
        return "" if path.startswith("/ex/jira/") else path


def check(config: JiraSettings) -> None:
    """Ask who we are: the one endpoint that never answers anonymously."""
    _connect(config)


def _connect(config: JiraSettings) -> tuple[Api, str, datetime]:
    """Return the client, which kind of Jira it is, and the server's time."""
    api = _api(config)
    deployment = config.deployment or _deployment(api)
    return api, deployment, api.get(f"{ROOTS[deployment]}/myself").server_time


def _api(config: JiraSettings) -> Api:
    if config.client_id:
        token = client_token(NAME, _token_url(config), config.client_id, str(config.client_secret))
        credential, authorize = "client_secret", token.headers
    else:
        pair = base64.b64encode(f"{config.email}:{config.api_token}".encode()).decode()
        header = f"Basic {pair}" if config.email else f"Bearer {config.api_token}"
        credential, authorize = "api_token", lambda renew: {"Authorization": header}
    return Api(
        NAME, config.base_url, credential=setting_name(NAME, credential), authorize=authorize
    )


def _token_url(config: JiraSettings) -> str:
    return config.token_url or urljoin(config.base_url, "/oauth/token")


def _deployment(api: Api) -> str:
    """Ask the server what it is; `serverInfo` needs no permission."""
    reply = api.get(f"{ROOTS['cloud']}/serverInfo", allow=(404,))
    is_cloud = reply.status == 200 and (reply.data or {}).get("deploymentType") == "Cloud"
    return "cloud" if is_cloud else "datacenter"


def probes(config: JiraSettings) -> Iterator[Probe]:
    """Ask what only this instance can answer; `flowhouse doctor` prints it."""
    api, deployment, server_now = _connect(config)
    yield Probe(True, f"deployment: {deployment}")
    yield clock(server_now)
    if config.client_id:
        yield Probe(True, f"token: given by {_token_url(config)}")
    fields = api.get(f"{ROOTS[deployment]}/field", type=ROWS).data
    site = (Cloud if deployment == "cloud" else DataCenter)(api, Rows(fields))
    projects = site.projects()
    keys = {str(row.get("key")) for row in projects}
    for place, project in enumerate(config.projects or [], 1):
        if project not in keys:
            name = setting_name(NAME, "projects")
            yield Probe(False, f"{name}: project no. {place} is not visible to this user")
    yield Probe(bool(projects), f"projects: {len(projects):,} visible")
    yield from _count_probes(
        site, [key for key in config.projects or [""] if not key or key in keys]
    )
    yield from _field_probes(config, fields)
    yield from _endpoint_probes(site)


def _count_probes(site: "Site", scopes: list[str]) -> Iterator[Probe]:
    """Compare the count of issues with what Jira says of each project, and try the search."""
    totals = {
        str(row.get("key")): (row.get("insight") or {}).get("totalIssueCount")
        for row in site.projects()
    }
    for scope in scopes:
        count = site.count(_since(None, scope))
        said = totals.get(scope) if scope else sum(total or 0 for total in totals.values())
        hidden = max((said or 0) - count, 0)
        yield Probe(
            bool(count) and not hidden,
            f"issues of {scope or 'all projects'}: {count:,} visible"
            + (f", {hidden:,} more are hidden from this user" if hidden else ""),
        )
    newest = site.newest()
    if not newest:
        return
    issue_id, updated = newest
    hits = [
        site.count(f"id = {issue_id} AND updated >= {low} AND updated < {high}")
        for low, high in ((updated, updated + 1), (updated + 1, updated + 60_000))
    ]
    exact = "to the millisecond" if hits == [1, 0] else "to the minute or so, as we assume"
    yield Probe(True, f"search: epoch milliseconds are read {exact}")


def _field_probes(config: JiraSettings, fields: list[dict[str, Any]]) -> Iterator[Probe]:
    """List the custom fields that could be meant where there are several."""
    names = {str(row.get("id")): str(row.get("name")) for row in fields}
    for role, chosen in config.chosen().items():
        setting = f"{role}_field"
        found = [key for key, known in candidates(fields).items() if known == role]
        if chosen:
            line = f"{role}: {setting_name(NAME, setting)} is one of Jira's fields"
            is_there = chosen in names
            yield Probe(is_there, line if is_there else line.replace(" is one", " is none"))
        else:
            listed = ", ".join(f"{names[key]} ({key})" for key in found) or "no field"
            line = f"{role}: {listed}"
            if len(found) > 1:
                line += f"; the first with a value counts, {setting_name(NAME, setting)} decides"
            hint = "" if found else _flag_hint(role, fields)
            yield Probe(not hint, f"{line}{hint}")


def _flag_hint(role: str, fields: Iterable[Mapping[str, Any]]) -> str:
    """Name the fields that the flag might be, where its name is one that we do not know."""
    boxes = [
        f"{row.get('name')} ({row.get('id')})"
        for row in fields
        if str((row.get("schema") or {}).get("custom") or "").endswith(":multicheckboxes")
    ]
    if role != "flagged" or not boxes:
        return ""
    name = setting_name(NAME, "flagged_field")
    return f"; what is flagged counts as not blocked until {name} names one of: {', '.join(boxes)}"


def _endpoint_probes(site: "Site") -> Iterator[Probe]:
    """Say which optional endpoints this user may read."""
    for what, path in (
        ("boards", f"{AGILE}/board"),
        ("worklogs", f"{site.root}/worklog/updated"),
        ("statuses without a workflow", f"{site.root}/statuses/search"),
        ("priorities", f"{site.root}/priority"),
        ("resolutions", f"{site.root}/resolution"),
        ("types of links", f"{site.root}/issueLinkType"),
    ):
        status = site.api.get(path, allow=(400, 401, 403, 404)).status
        denied = f"{_scope_of(path)}, " if status in (401, 403) else ""
        yield Probe(
            True, f"{what}: {'readable' if status == 200 else f'not readable ({denied}{status})'}"
        )


SCOPES = {
    "/board": "read:board-scope:jira-software",
    "/sprint": "read:sprint:jira-software",
    "/worklog": "read:issue-worklog:jira",
    "/statuses/search": "read:workflow:jira",
    "/versions": "read:project-version:jira",
    "/components": "read:project.component:jira",
    "/priority": "read:priority:jira",
    "/resolution": "read:resolution:jira",
    "/issueLinkType": "read:issue-link-type:jira",
}
"""What an OAuth client needs for optional paths, beside `read:jira-work` and `read:jira-user`."""


ONLY_NAMES = ("statuses", "priorities", "resolutions", "link_types")


def _scope_of(path: str) -> str:
    """Return in words which scope a path needs; boards have one, their sprints another."""
    found = [scope for part, scope in SCOPES.items() if part in path]
    return f"an OAuth client needs the scope {found[-1]}" if found else "no permission"


Listing = dict[str, tuple[int | None, str]]
"""Id → (updated in ms, project key)."""

Changelogs = dict[str, list[History]]


@dataclass
class Reading:
    """How far the issues of one window are read.

    Attributes:
        window: The window; its end comes closer when the reading is cut.
        jql: Its query.
        count: How many issues the server counts; an estimate on Cloud.
        known: What is loaded already, and need not be read again: id → (version, scope).
        goes_on: Whether other windows follow.
        listed: How many distinct issues the server gave.
        gone: Listed, and gone when they were read.
        left: Listed, and not read in this run.
    """

    window: Window
    jql: str
    count: int
    known: Mapping[str, tuple[Any, str]] = field(default_factory=dict)
    goes_on: bool = False
    listed: int = 0
    gone: int = 0
    left: int = 0

    @property
    def is_whole(self) -> bool:
        """Whether all that the server counts was listed and read."""
        return not self.left and _is_all(self.listed, self.count)


def _is_all(listed: int, count: int) -> bool:
    """Whether a listing is as long as the server's count, which is an estimate."""
    return count - listed <= max(5, count // 200)


class _Ids(msgspec.Struct):
    class Issue(msgspec.Struct):
        class Fields(msgspec.Struct):
            updated: Any = None

        id: str | int
        key: str | None = None
        fields: Fields | None = None

    issues: list[Issue] | None = None
    nextPageToken: str | None = None  # noqa: N815


class _Bodies(msgspec.Struct):
    issues: list[Body] | None = None
    total: int | None = None


class _Changes(msgspec.Struct):
    class Log(msgspec.Struct):
        issueId: str | int  # noqa: N815
        changeHistories: list[History] | None = None  # noqa: N815

    issueChangeLogs: list[Log] | None = None  # noqa: N815
    nextPageToken: str | None = None  # noqa: N815


class _Changelog(msgspec.Struct):
    histories: list[History] | None = None
    values: list[History] | None = None
    total: int | None = None
    isLast: bool | None = None  # noqa: N815


class _Expanded(msgspec.Struct):
    id: str | int
    changelog: _Changelog | None = None


class _ExpandedIssues(msgspec.Struct):
    issues: list[_Expanded] | None = None


class Site(ABC):
    """A Jira: how its issues and histories are read."""

    safety_lag: timedelta
    root: str
    has_other_histories = True
    histories_of: int
    """Of how many issues the histories are read at once."""

    def __init__(self, api: Api, rows: Rows) -> None:
        self.api = api
        self.rows = rows
        self.denied: dict[str, tuple[str, int]] = {}

    def optional(
        self,
        object: str,
        path: str,
        params: Mapping[str, Any] | None = None,
        type: Any = OBJECT,
    ) -> Reply | None:
        """Read what a Jira need not have, or not show to this user; None where it does not.

        Who we are was answered before: 401 is no wrong credential here, it is Atlassian's gateway
        that misses a scope. It is noted with the object, and the rest is loaded.
        """
        reply = self.api.get(path, params, allow=(400, 401, 403, 404), type=type)
        if reply.status in (401, 403) or (reply.status == 404 and object == "worklogs"):
            self.denied.setdefault(object, (path, reply.status))
        return reply if reply.status == 200 else None

    @abstractmethod
    def projects(self) -> list[dict[str, Any]]:
        """Return the visible projects, and those that are archived or deleted."""

    @abstractmethod
    def count(self, jql: str) -> int:
        """Return how many issues a query finds."""

    @abstractmethod
    def listing(self, jql: str) -> Listing:
        """Return the ids and versions of all issues that a query finds."""

    @abstractmethod
    def issues(self, reading: Reading) -> Iterator[list[Body]]:
        """Yield the issues of a window batch by batch, and note how far the reading came."""

    @abstractmethod
    def by_id(self, ids: Sequence[str], reading: Reading) -> Iterator[list[Body]]:
        """Yield issues by their ids, and note which are gone."""

    @abstractmethod
    def looked_up(self, ids: Sequence[str]) -> dict[str, tuple[int, Body | None]]:
        """Read by id what search no longer shows: id → (status, issue if it is there)."""

    @abstractmethod
    def histories(self, issues: list[Body]) -> tuple[Changelogs, dict[str, int]]:
        """Return the histories of issues that were yielded, and how many an issue says it has."""

    @abstractmethod
    def histories_now(self, ids: Sequence[str]) -> Changelogs:
        """Return the histories of issues that were listed just now."""

    @abstractmethod
    def other_histories(self, issue_id: str) -> list[History]:
        """Return what the other endpoints know of an issue's history."""

    @abstractmethod
    def hidden_histories(self, ids: list[str]) -> set[str]:
        """Return which of these issues, that show no history, have one elsewhere."""

    @abstractmethod
    def newest(self) -> tuple[str, int] | None:
        """Return the id of the issue that was updated last, and when, in ms."""

    def one(self, issue_id: str, fields: Sequence[str]) -> tuple[int, Body | None]:
        """Read one issue: (status, issue)."""
        reply = self.api.get(
            f"{self.root}/issue/{issue_id}", {"fields": ",".join(fields)}, allow=(403, 404, 410)
        )
        return reply.status, _body(reply.data) if reply.status == 200 else None

    def pages(
        self, object: str, path: str, params: Mapping[str, Any] | None = None
    ) -> list[dict[str, Any]]:
        """Follow pages by offset to the last one; [] where there is no such path.

        Raises:
            IncompleteRead: The listing does not go on, or does not end.
        """
        found: list[dict[str, Any]] = []
        for _ in range(MOST_PAGES):
            asked = {**(params or {}), "startAt": len(found), "maxResults": SERVER_PAGE}
            reply = self.optional(object, path, asked)
            if reply is None:
                return found
            page = reply.data
            values = page.get("values")
            if not isinstance(values, list):
                raise IncompleteRead(f"jira: {path} gave a page without values")
            found += values
            if page.get("isLast") or ("total" in page and len(found) >= page["total"]):
                return found
            if not values:
                if "isLast" not in page and "total" not in page:
                    return found
                raise IncompleteRead(f"jira: {path} does not go on")
        raise IncompleteRead(f"jira: {path} does not end")


class Cloud(Site):
    """Jira Cloud: ids by search, bodies and histories by id."""

    safety_lag = timedelta(minutes=5)
    root = ROOTS["cloud"]
    histories_of = ISSUES_PER_BATCH

    def projects(self) -> list[dict[str, Any]]:
        """Page through the projects."""
        params = {"expand": "insight", "status": ["live", "archived", "deleted"]}
        rows = self.pages("projects", "/rest/api/3/project/search", params)
        return list({str(row["id"]): row for row in rows}.values())

    def count(self, jql: str) -> int:
        """Ask for the server's estimate."""
        reply = self.api.post("/rest/api/3/search/approximate-count", {"jql": jql})
        return int(reply.data["count"])

    def listing(self, jql: str) -> Listing:
        """Page through ids and times of update."""
        body = {
            "jql": f"{jql} ORDER BY created ASC, key ASC",
            "fields": ["updated"],
            "maxResults": IDS_PER_SEARCH,
        }
        found: Listing = {}
        for page in self._pages("/rest/api/3/search/jql", body, _Ids):
            for issue in page.issues or []:
                updated = issue.fields.updated if issue.fields else None
                key = issue.key or ""
                found[str(issue.id)] = (milliseconds(updated), key.rpartition("-")[0])
        return found

    def newest(self) -> tuple[str, int] | None:
        """Ask search for one."""
        body = {"jql": NEWEST, "fields": ["updated"], "maxResults": 1}
        page = self.api.post("/rest/api/3/search/jql", body, type=_Ids).data
        for issue in page.issues or []:
            at = milliseconds(issue.fields.updated if issue.fields else None)
            return (str(issue.id), at) if at else None
        return None

    def issues(self, reading: Reading) -> Iterator[list[Body]]:
        """List the ids, then read by id what we do not have in this version."""
        listed = self.listing(reading.jql)
        reading.listed = len(listed)
        changed = {
            issue_id: version
            for issue_id, (version, _) in listed.items()
            if reading.known.get(issue_id, (None,))[0] != version or version is None
        }
        if reading.goes_on and reading.is_whole:
            changed = _cut(reading, changed)
        yield from self.by_id(list(changed), reading)

    def by_id(self, ids: Sequence[str], reading: Reading) -> Iterator[list[Body]]:
        """Read bodies by id, some requests at a time."""
        omitted: list[str] = []
        with ThreadPoolExecutor(CONCURRENT_REQUESTS) as pool:
            for batch in _chunks(ids, ISSUES_PER_BATCH):
                parts = pool.map(self._fetch, list(_chunks(batch, BODIES_PER_REQUEST)))
                issues = [issue for part in parts for issue in part]
                given = {str(issue.id) for issue in issues}
                omitted += [issue_id for issue_id in batch if issue_id not in given]
                if issues:
                    yield issues
        singles = [self.one(issue_id, self.rows.asked)[1] for issue_id in omitted[:MOST_OMITTED]]
        reading.gone += singles.count(None)
        reading.left += len(omitted[MOST_OMITTED:])
        if any(singles):
            yield [issue for issue in singles if issue]

    def looked_up(self, ids: Sequence[str]) -> dict[str, tuple[int, Body | None]]:
        """Read a hundred at once; what the bulk endpoint leaves out is not there."""
        found: dict[str, tuple[int, Body | None]] = {}
        for batch in _chunks(ids, BODIES_PER_REQUEST):
            given = {str(issue.id): issue for issue in self._fetch(batch, WHERE)}
            found |= {key: (200 if key in given else 404, given.get(key)) for key in batch}
        return found

    def _fetch(self, ids: list[str], fields: Sequence[str] | None = None) -> list[Body]:
        """Read up to 100 issues; what the first answer leaves out is asked for once more."""
        found: dict[str, Body] = {}
        for _ in range(2):
            missing = [issue_id for issue_id in ids if issue_id not in found]
            if not missing:
                break
            body = {"issueIdsOrKeys": missing, "fields": list(fields or self.rows.asked)}
            page = self.api.post("/rest/api/3/issue/bulkfetch", body, type=_Bodies).data
            found.update({str(issue.id): issue for issue in page.issues or []})
        return [found[issue_id] for issue_id in ids if issue_id in found]

    def histories(self, issues: list[Body]) -> tuple[Changelogs, dict[str, int]]:
        """Read them by the ids."""
        return self.histories_now([str(issue.id) for issue in issues]), {}

    def histories_now(self, ids: Sequence[str]) -> Changelogs:
        """Page through all histories of the issues; one issue may span pages."""
        found: Changelogs = defaultdict(list)
        body = {"issueIdsOrKeys": list(ids), "maxResults": HISTORIES_PER_REQUEST}
        for page in self._pages("/rest/api/3/changelog/bulkfetch", body, _Changes):
            for log in page.issueChangeLogs or []:
                found[str(log.issueId)] += log.changeHistories or []
        return found

    def other_histories(self, issue_id: str) -> list[History]:
        """Read the issue's own changelog endpoint, and the newest part that an issue expands to."""
        found: list[History] = []
        path = f"/rest/api/3/issue/{issue_id}"
        for _ in range(MOST_PAGES):
            reply = self.api.get(
                f"{path}/changelog",
                {"startAt": len(found), "maxResults": 100},
                allow=(404, 410),
            )
            page = _changelog_of(reply.data) if reply.status == 200 else _Changelog()
            found += page.values or []
            if not page.values or page.isLast or len(found) >= (page.total or 0):
                break
        reply = self.api.get(path, {"fields": "status", "expand": "changelog"}, allow=(404, 410))
        if reply.status == 200:
            found += _changelog_of((reply.data or {}).get("changelog")).histories or []
        return found

    def hidden_histories(self, ids: list[str]) -> set[str]:
        """Ask search, which shows the newest histories of a hundred issues at once."""
        found: set[str] = set()
        for batch in _chunks(ids, BODIES_PER_REQUEST):
            body = {
                "jql": f"id in ({','.join(batch)})",
                "fields": ["status"],
                "expand": "changelog",
                "maxResults": len(batch),
            }
            reply = self.api.post("/rest/api/3/search/jql", body, allow=(400,))
            page = (
                decode(msgspec.json.encode(reply.data), _ExpandedIssues)
                if reply.status == 200
                else _ExpandedIssues()
            )
            found |= {
                str(issue.id)
                for issue in page.issues or []
                if issue.changelog and (issue.changelog.histories or issue.changelog.total)
            }
        return found

    def _pages(self, path: str, body: dict[str, Any], type: Any) -> Iterator[Any]:
        """Follow page tokens until there is none.

        Raises:
            IncompleteRead: A token comes again, so that the listing would never end.
        """
        seen: set[str] = set()
        token = None
        for _ in range(MOST_PAGES):
            asked = {**body, **({"nextPageToken": token} if token else {})}
            page = self.api.post(path, asked, type=type).data
            yield page
            token = page.nextPageToken
            if not token:
                return
            if token in seen:
                raise IncompleteRead(f"jira: pagination loop, {path} repeats a page token")
            seen.add(token)
        raise IncompleteRead(f"jira: {path} does not end")


class DataCenter(Site):
    """Jira Data Center: issues with their whole changelog, by offset within a closed window."""

    safety_lag = timedelta(minutes=10)
    root = ROOTS["datacenter"]
    has_other_histories = False
    histories_of = SERVER_PAGE

    def projects(self) -> list[dict[str, Any]]:
        """Return the visible projects; the answer is not paged."""
        return self.api.get("/rest/api/2/project", type=ROWS).data

    def count(self, jql: str) -> int:
        """Return the exact number."""
        return self._search(jql, 0, 0).total or 0

    def listing(self, jql: str) -> Listing:
        """Page through ids and times of update."""
        reading = Reading(Window(None, datetime.now(UTC)), jql, self.count(jql))
        found: Listing = {}
        for page in self._paged(reading, IDS_PER_SEARCH, ["updated"]):
            for issue in page:
                updated = (issue.fields or {}).get("updated")
                version = None if updated is None else milliseconds(decode(updated))
                found[str(issue.id)] = (version, (issue.key or "").rpartition("-")[0])
        return found

    def newest(self) -> tuple[str, int] | None:
        """Ask search for one."""
        for issue in self._search(NEWEST, 0, 1, ["updated"]).issues or []:
            at = milliseconds(_opened(issue, "updated"))
            return (str(issue.id), at) if at else None
        return None

    def issues(self, reading: Reading) -> Iterator[list[Body]]:
        """Page by offset; the window is read anew when its total changes while we page."""
        yield from self._paged(reading, SERVER_PAGE, self.rows.asked)

    def by_id(self, ids: Sequence[str], reading: Reading) -> Iterator[list[Body]]:
        """Read issue after issue."""
        with ThreadPoolExecutor(CONCURRENT_REQUESTS) as pool:
            for batch in _chunks(ids, SERVER_PAGE):
                found = [issue for issue in pool.map(self._whole, batch) if issue]
                reading.gone += len(batch) - len(found)
                if found:
                    yield found

    def looked_up(self, ids: Sequence[str]) -> dict[str, tuple[int, Body | None]]:
        """Read one after the other."""
        return {issue_id: self.one(issue_id, WHERE) for issue_id in ids}

    def _whole(self, issue_id: str) -> Body | None:
        """Read one issue with its changelog."""
        params = {"fields": ",".join(self.rows.asked), "expand": "changelog"}
        path = f"/rest/api/2/issue/{issue_id}"
        reply = self.api.get(path, params, allow=(403, 404, 410))
        return _body(reply.data) if reply.status == 200 else None

    def histories(self, issues: list[Body]) -> tuple[Changelogs, dict[str, int]]:
        """Return what came with the issues."""
        found: Changelogs = {}
        totals: dict[str, int] = {}
        for issue in issues:
            log = decode(issue.changelog, _Changelog | None)
            found[str(issue.id)] = list((log and log.histories) or [])
            totals[str(issue.id)] = (log and log.total) or 0
        return found, totals

    def histories_now(self, ids: Sequence[str]) -> Changelogs:
        """Search for the ids; one that was deleted a moment ago fails the whole query."""
        body = {
            "jql": f"id in ({','.join(ids)})",
            "maxResults": len(ids),
            "fields": ["status"],
            "expand": ["changelog"],
        }
        reply = self.api.post("/rest/api/2/search", body, allow=(400,))
        if reply.status == 400:
            return {}
        page = decode(msgspec.json.encode(reply.data), _Bodies)
        return self.histories(page.issues or [])[0]

    def other_histories(self, issue_id: str) -> list[History]:
        """Read the issue by itself."""
        issue = self._whole(issue_id)
        return self.histories([issue])[0][issue_id] if issue else []

    def hidden_histories(self, ids: list[str]) -> set[str]:
        """There is one endpoint only."""
        return set()

    def _paged(self, reading: Reading, size: int, fields: Sequence[str]) -> Iterator[list[Body]]:
        """Page by offset; the query is read anew when its total changes while we page.

        Raises:
            IncompleteRead: The total changed again and again, or fewer issues came than it says.
        """
        jql = f"{reading.jql} ORDER BY created ASC, key ASC"
        for _ in range(3):
            seen: set[str] = set()
            start = 0
            while start < reading.count:
                page = self._search(jql, start, size, fields)
                issues = page.issues or []
                if page.total != reading.count or not issues:
                    break
                seen.update(str(issue.id) for issue in issues)
                start += len(issues)
                yield issues
            if len(seen) == reading.count:
                reading.listed = len(seen)
                return
            reading.count = self.count(reading.jql)
        raise IncompleteRead("jira: the result of a search keeps changing while it is read")

    def _search(self, jql: str, start: int, size: int, fields: Sequence[str] = ()) -> _Bodies:
        body = {
            "jql": jql,
            "startAt": start,
            "maxResults": size,
            "fields": list(fields) or ["id"],
            "expand": ["changelog"] if size and len(fields) > 1 else [],
        }
        return self.api.post("/rest/api/2/search", body, type=_Bodies).data


def _body(data: Any) -> Body:
    return decode(msgspec.json.encode(data), Body)


def _changelog_of(data: Any) -> _Changelog:
    return decode(msgspec.json.encode(data), _Changelog) if isinstance(data, dict) else _Changelog()


def _cut(reading: Reading, changed: dict[str, int | None]) -> dict[str, int | None]:
    """End a window where its changed issues fill whole requests; the rest goes to the next one."""
    whole = len(changed) // BODIES_PER_REQUEST * BODIES_PER_REQUEST
    if whole in (0, len(changed)) or None in changed.values():
        return changed
    end = sorted(changed.values())[whole]
    hi = datetime.fromtimestamp(end / 1000, UTC)
    kept = {issue_id: version for issue_id, version in changed.items() if version < end}
    if not kept or (reading.window.lo and hi <= reading.window.lo):
        return changed
    dropped = len(changed) - len(kept)
    reading.window = Window(reading.window.lo, hi)
    reading.count -= dropped
    reading.listed -= dropped
    return kept


def _chunks(values: Sequence[str], size: int) -> Iterator[list[str]]:
    for start in range(0, len(values), size):
        yield list(values[start : start + size])


def bounds(window: Window, project: str | None = None) -> str:
    """Return the JQL of a window: bounded, and absolute in any user's time zone."""
    high = math.ceil(window.hi.timestamp() / 60) * 60_000
    return f"{_since(window.lo, project)} AND updated < {high}"


def _since(lo: datetime | None, project: str | None = None) -> str:
    low = 0 if lo is None else math.floor((lo - FLOOR).timestamp() / 60) * 60_000
    scope = f'project = "{project}" AND ' if project else ""
    return f"{scope}updated >= {low}"


def build(run: LoadRun, config: JiraSettings) -> DltSource:
    """Return the source with everything that changed since the last load."""
    api, deployment, run.server_now = _connect(config)
    fields = api.get(f"{ROOTS[deployment]}/field", type=ROWS).data
    former = warehouse.rows(
        NAME,
        "select id, list(distinct payload->>'$.name' order by payload->>'$.name') "
        f"from {NAME}.snapshots where object = 'fields' group by id",
    )
    rows = Rows(fields, config.chosen(), bool(config.titles), config.fields or (), dict(former))
    site = (Cloud if deployment == "cloud" else DataCenter)(api, rows)
    reader = Reader(run, site, config, site.projects())

    def everything() -> Iterator[Batch]:
        daily_at = dlt.current.source_state().get("daily_at")
        reader.is_daily = run.full or _is_due(daily_at, run.server_now)
        if not run.windows:
            yield from _dimensions(reader, fields)
        yield from reader.issues()

    @dlt.source(name=NAME, max_table_nesting=0)
    def jira() -> Iterator[Any]:
        yield resource(ISSUES.name, TABLES, everything)

    return jira()


@dataclass
class Reader:
    """Reads issues and everything that hangs on them."""

    run: LoadRun
    site: Site
    config: JiraSettings
    visible: list[dict[str, Any]]
    counts: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    issue_ids: set[str] = field(default_factory=set)
    boards: list[dict[str, Any]] = field(default_factory=list)
    is_daily: bool = True

    def scopes(self) -> list[str]:
        """Return the scopes with a watermark of their own: the configured projects, or everything.

        A configured project that is not visible is a failed scope; the others go on.
        """
        if not self.config.projects:
            return [""]
        keys = {row.get("key") for row in self.visible}
        for project in self.config.projects:
            if project not in keys:
                self.run.audit(
                    "issues",
                    scope=project,
                    status="failed",
                    message=(
                        "permission_or_scope_loss: a project of "
                        f"{setting_name(NAME, 'projects')} is not visible to this user; take it "
                        "out there if it is gone for good"
                    ),
                )
        return [project for project in self.config.projects if project in keys]

    def issues(self) -> Iterator[Batch]:
        """Yield the changed issues of every scope; a watermark moves when its window is whole."""
        state = dlt.current.resource_state()
        scopes = self.scopes()
        census = self._known(state)
        for scope in scopes:
            yield from self._window(state, scope, census.known)
        if not self.run.more and not self.run.is_backfill:
            yield from self._census(state, scopes, census)
            yield from self._worklogs(state)
            yield from self._sprints()
            if self.is_daily:
                dlt.current.source_state()["daily_at"] = self.run.server_now.isoformat()
        self._note()

    def _known(self, state: Any) -> Census:
        """Return what is loaded; what was read with other fields, or less well, is not."""
        asked = {"fields": sorted(self.site.rows.asked), "reading": READING}
        before = state.get("asked", {})
        if {name: before.get(name) for name in asked} != asked:
            state["asked"] = {**asked, "since": datetime.now(UTC).isoformat()}
            state.pop("census_at", None)
        conditions = ["true"]
        if self.run.start:
            conditions.append(
                f"coalesce(updated_at >= timestamptz '{self.run.start.isoformat()}', true)"
            )
        if self.config.projects:
            # What was loaded of a project that is not asked for any more stays as it was.
            names = (name.replace("'", "''") for name in self.config.projects)
            conditions.append("_scope in ('{}')".format("', '".join(names)))
        return Census.of(
            NAME,
            ISSUES,
            version=(
                f"case when _fetched_at >= timestamptz '{state['asked']['since']}' "
                "then epoch_ms(updated_at) end"
            ),
            where=" and ".join(conditions),
        )

    def _window(self, state: Any, scope: str, known: Mapping[str, Any]) -> Iterator[Batch]:
        """Yield the changed issues of the next window of a scope."""
        run, site = self.run, self.site
        window = run.next_window(state, scope, overlap=OVERLAP, safety_lag=site.safety_lag)
        if window.lo is not None and window.lo >= window.hi:
            return
        part, count = bisect_window(
            window, lambda part: site.count(bounds(part, scope)), MOST_IN_WINDOW
        )
        is_anew = run.is_full_read
        reading = Reading(
            part, bounds(part, scope), count, {} if is_anew else known, part.hi < window.hi
        )
        began, read = time.monotonic(), set[str]()
        for issues in site.issues(reading):
            read.update(str(issue.id) for issue in issues)
            run.progress("issues", len(read), reading.count, began)
            yield from self._batches(issues)
        if reading.is_whole:
            run.close_window(state, scope, reading.window)
            run.more = run.more or reading.window.hi < window.hi
        rejected = reading.gone + reading.left
        faults = [
            f"{rejected:,} listed issues were not given" if rejected else "",
            # Cloud has no other count; what it lists is read to the end of its pages.
            f"got all {reading.listed:,} that Jira lists; its estimate is {reading.count:,}"
            if reading.is_whole and reading.listed < reading.count
            else ""
            if reading.is_whole
            else f"got {reading.listed:,} of {reading.count:,}; to be read again",
        ]
        run.audit(
            "issues",
            scope=scope,
            window_from=window.lo,
            window_to=reading.window.hi,
            api_count=reading.count,
            extracted=reading.listed - rejected,
            loaded=len(read),
            rejected=rejected,
            status="complete" if reading.is_whole and not rejected else "incomplete",
            message="; ".join(filter(None, faults)),
        )

    def _batches(self, issues: list[Body]) -> Iterator[Batch]:
        """Yield issues, their histories, and what was odd about them."""
        rows = [self.site.rows.issue(issue) for issue in issues]
        self.issue_ids.update(row["id"] for row in rows)
        yield from self._histories(issues, rows)
        yield from self._misfits()
        yield (
            ISSUES,
            ISSUES.arrow(
                {name: [row[name] for row in rows] for name in ISSUES.columns},
                [row["payload"] for row in rows],
                [row["project_key"] or "" for row in rows],
            ),
        )

    def _histories(self, issues: list[Body], rows: list[dict[str, Any]]) -> Iterator[Batch]:
        """Yield all histories of issues, and what the check of each says."""
        site = self.site
        given, totals = site.histories(issues)
        by_id = {row["id"]: row for row in rows}
        silent = [key for key, row in by_id.items() if not given.get(key) and _was_edited(row)]
        hidden = site.hidden_histories(silent) if silent else set()
        found = {key: self._made(given.get(key, [])) for key in by_id}
        quality = dict.fromkeys(by_id, "complete")
        suspects = [
            key
            for key, (made, chain) in found.items()
            if key in hidden
            or len(made) < totals.get(key, 0)
            or chain.has_gap
            or chain.drifts_from(by_id[key]["status_id"])
        ]
        with ThreadPoolExecutor(CONCURRENT_REQUESTS) as pool:
            for key, others in zip(suspects, pool.map(site.other_histories, suspects)):
                made, chain = found[key]
                had = {row[0] for row in made}
                fresh = {str(other.id): other for other in others if str(other.id) not in had}
                more, links = self._made(list(fresh.values()))
                made += more
                chain.entries += links.entries
                if len(made) < totals.get(key, 0):
                    quality[key] = "truncated"
                elif chain.has_gap:
                    quality[key] = "gap"
                elif more and site.has_other_histories:
                    quality[key] = "conflict"
                elif chain.drifts_from(by_id[key]["status_id"]):
                    quality[key] = "drift"
        scopes = {key: row["project_key"] or "" for key, row in by_id.items()}
        flat = [(key, row) for key, (made, _) in found.items() for row in made]
        places = {key: chain.places() for key, (_, chain) in found.items()}
        yield (
            HISTORIES,
            HISTORIES.arrow(
                {
                    "id": [row[0] for _, row in flat],
                    "issue_id": [key for key, _ in flat],
                    "created_at": [None if row[1] is None else row[1] * 1000 for _, row in flat],
                    "item_count": [row[2] for _, row in flat],
                    "place": [places[key].get(row[0]) for key, row in flat],
                },
                [row[3] for _, row in flat],
                [scopes[key] for key, _ in flat],
            ),
        )
        yield (
            HISTORY_CHECKS,
            HISTORY_CHECKS.arrow(
                {
                    "issue_id": list(found),
                    "history_count": [len(made) for made, _ in found.values()],
                    "history_quality": list(quality.values()),
                },
                [encode({"source_count": totals[key]} if key in totals else {}) for key in found],
                list(scopes.values()),
            ),
        )
        self.counts["histories"] += len(flat)
        for value in quality.values():
            self.counts[value] += 1

    def _made(self, histories: list[History]) -> tuple[list[tuple], Chain]:
        """Return the rows of histories, and the status changes in them."""
        chain = Chain()
        rows = [self.site.rows.history(history, chain) for history in histories]
        self.counts["rejected"] += rows.count(None)
        return [row for row in rows if row], chain

    def _misfits(self) -> Iterator[Batch]:
        """Yield the names of fields whose values had another type than they should."""
        misfits = self.site.rows.misfits
        if misfits:
            rows = {
                (issue_id, name): {
                    "object": "issues",
                    "id": issue_id,
                    "field": name,
                    "found_type": kind,
                    "payload": {},
                }
                for issue_id, name, kind in misfits
            }
            yield MISFITS, MISFITS.batch(rows.values())
            self.counts["misfits"] += len(rows)
            misfits.clear()

    def _census(self, state: Any, scopes: list[str], census: Census) -> Iterator[Batch]:
        """Compare all ids with what is loaded; fetch what is missing, mark what is gone."""
        run, site = self.run, self.site
        if not scopes or not census.is_due(state, self.run.server_now):
            return
        listed: Listing = {}
        for scope in scopes:
            part, is_all = self._listed(scope)
            listed |= part
            if not is_all:
                run.audit(
                    "issues",
                    scope=scope,
                    status="incomplete",
                    message=f"the census listed {len(part):,} issues, fewer than Jira counts",
                )
                return
        for issue_id in self.issue_ids & listed.keys():
            # Read in this load, and not yet in the raw file.
            census.known[issue_id] = listed[issue_id]
        found = census.compare(listed, self._closed_projects())
        # A project whose key was changed: its issues have other keys, and were not updated.
        renamed = {
            issue_id
            for issue_id, (_, project) in listed.items()
            if issue_id in census.known and census.known[issue_id][1] != project
        }
        found.stale += sorted(renamed - set(found.stale))
        self._hidden(listed)
        verdicts, alive = self._verdicts(census, found)
        wanted = [*found.wanted, *alive]
        altered: list[str] = []
        sampled: list[str] = []
        if self.is_daily and not run.windows:  # what several windows brought was just read
            altered = self._altered(state, listed, {*wanted, *self.issue_ids})
            known = {*wanted, *altered, *self.issue_ids}
            sampled = sorted((self._of_teams() & listed.keys()) - known)
        wanted += altered + sampled
        reading = Reading(Window(None, self.run.server_now), "", 0)
        for issues in site.by_id(wanted[:MOST_IN_WINDOW], reading):
            yield from self._batches(issues)
        if len(wanted) > MOST_IN_WINDOW:
            run.more = True
            return
        marks = census.settle(found, verdicts, self.run.server_now)
        yield TOMBSTONES, TOMBSTONES.mixed(marks)
        name = setting_name(NAME, "projects")
        census.note(run, found, f"if a project is gone for good, let {name} name the others")
        census.close(state, self.run.server_now)
        had_not = len(wanted) - len(altered) - len(sampled)
        notes = [
            f"the census found {had_not:,} issues that the windows had not" if had_not else "",
            f"{len(altered):,} issues had changed without an update" if altered else "",
        ]
        if wanted:
            run.audit(
                "issues",
                extracted=len(wanted) - reading.gone - reading.left,
                message="; ".join(filter(None, notes)),
            )

    def _of_teams(self) -> set[str]:
        """Return one issue of each team: nothing else tells what a team is called today."""
        team = "json_extract_string(payload, '$.fields.team.id')"
        newest = warehouse.rows(
            NAME,
            f"select arg_max(id, (updated_at, id)) from {NAME}.issues where {team} is not null "
            f"and id not in (select id from {NAME}.tombstones where object = 'issues' "
            f"and state <> 'present') group by {team}",
        )
        return {issue_id for (issue_id,) in newest}

    def _altered(self, state: Any, listed: Listing, known: set[str]) -> list[str]:
        """Return which issues of today's share have other histories than are loaded.

        Those that are `known` to be read in this load are passed over.
        """

        def order(issue_id: str) -> tuple[int, str]:
            return len(issue_id), issue_id

        ids = sorted(listed.keys() - known, key=order)
        share = max(self.site.histories_of, math.ceil(len(ids) / LOADS_PER_MONTH))
        begin = bisect.bisect_right(ids, order(state.get("compared_up_to", "")), key=order)
        todays = ids[begin : begin + share]
        state["compared_up_to"] = todays[-1] if begin + share < len(ids) else ""
        altered = []
        for batch in _chunks(todays, self.site.histories_of):
            loaded = dict(
                warehouse.rows(
                    NAME,
                    f"select issue_id, list(payload) from {NAME}.histories "
                    "where list_contains($ids, issue_id) group by issue_id",
                    ids=batch,
                )
            )
            for issue_id, histories in self.site.histories_now(batch).items():
                shown = {row[3] for row in map(self._shown, histories) if row}
                if not shown <= set(loaded.get(issue_id, ())):
                    altered.append(issue_id)
        return altered

    def _shown(self, history: History) -> tuple[str, int | None, int, str] | None:
        return self.site.rows.history(history, Chain())

    def _listed(self, scope: str) -> tuple[Listing, bool]:
        """Return all ids of a scope, and whether they are as many as the server counts.

        In parts, because a long sweep can end early without an error; by time of creation, which
        does not change while we page, and of which we know how it is spread.
        """
        found: Listing = {}
        project = f'project = "{scope}" AND ' if scope else ""
        since = f" AND {_since(self.run.start)}" if self.run.start else ""
        lo, end = None, self.run.server_now + timedelta(days=1)

        def query(window: Window) -> str:
            # What an import dated before 1970 is below any bound.
            low = f"created >= {int(window.lo.timestamp() * 1000)} AND " if window.lo else ""
            return f"{project}{low}created < {int(window.hi.timestamp() * 1000)}{since}"

        steps = warehouse.rows(
            NAME,
            "select created_at from (select created_at, row_number() over (order by created_at) "
            f"as place from {NAME}.issues where $scope = '' or _scope = $scope) "
            "where place % $most = 0 order by created_at",
            scope=scope,
            most=MOST_IN_WINDOW * 19 // 20,
        )
        while lo is None or lo < end:
            step = next((at for (at,) in steps if at and (lo is None or at > lo)), end)
            part, count = bisect_window(
                Window(lo, min(step, end)),
                lambda part: self.site.count(query(part)),
                MOST_IN_WINDOW,
            )
            listed = self.site.listing(query(part))
            found |= listed
            if not _is_all(len(listed), count):
                return found, False
            lo = part.hi
        return found, True

    def _closed_projects(self) -> dict[str, str]:
        """Return the projects that Jira itself says are archived or deleted."""
        return {
            str(row.get("key")): "archived" if row.get("archived") else "deleted"
            for row in self.visible
            if row.get("archived") or row.get("deleted")
        }

    def _hidden(self, listed: Listing) -> None:
        """Note per project how many issues Jira counts and does not show to this user."""
        shown: dict[str, int] = defaultdict(int)
        for _, project in listed.values():
            shown[project] += 1
        for row in self.visible if not self.run.start else ():
            total = (row.get("insight") or {}).get("totalIssueCount")
            key = str(row.get("key"))
            is_asked = not self.config.projects or key in self.config.projects
            if total and is_asked and total > shown[key]:
                self.run.audit(
                    "issues",
                    scope=key,
                    acl_gap=total - shown[key],
                    message=f"Jira counts {total:,} issues and shows {shown[key]:,} of them",
                )

    def _verdicts(self, census: Census, found: Findings) -> tuple[dict[str, str], list[str]]:
        """Read by id what two censuses lacked: what became of it, and what is there after all."""
        verdicts: dict[str, str] = {}
        alive: list[str] = []
        closed = self._closed_projects()
        visible = {row.get("key") for row in self.visible}
        for issue_id, (status, body) in self.site.looked_up(found.suspects).items():
            scope = census.known[issue_id][1]
            if body:
                project = (body.key or "").rpartition("-")[0]
                if self.config.projects and project not in self.config.projects:
                    verdicts[issue_id] = "moved"
                elif _opened(body, "archiveddate") or project in closed:
                    verdicts[issue_id] = "archived"
                else:
                    verdicts[issue_id] = "unknown"
                    alive.append(issue_id)
            elif scope in closed:
                verdicts[issue_id] = closed[scope]
            elif status == 403 or scope not in visible:
                verdicts[issue_id] = "no_access"
            else:
                verdicts[issue_id] = "deleted"
        return verdicts, alive

    def _worklogs(self, state: Any) -> Iterator[Batch]:
        """Yield changed worklogs, and tombstones of deleted ones."""
        api, root = self.site.api, self.site.root
        known = dict(warehouse.rows(NAME, f"select id, epoch_ms(updated_at) from {NAME}.worklogs"))
        first = int(self.run.start.timestamp() * 1000) if self.run.start else 0
        marks = state.setdefault("worklogs_since", {})
        # A worklog of an issue that we do not know yet is passed over, so a day is read again.
        back = int(timedelta(days=1 if self.config.projects else 0).total_seconds() * 1000)
        changed, until = self._feed("updated", max(first, marks.get("updated", 0) - back))
        deleted, gone_until = self._feed("deleted", max(first, marks.get("deleted", 0)))
        wanted = [key for key, at in changed.items() if self.run.full or known.get(key) != at]
        issues = self._known_issues() if self.config.projects else None
        count = 0
        for batch in _chunks(wanted, WORKLOGS_PER_REQUEST):
            body = {"ids": [int(key) for key in batch]}
            rows = [
                row
                for worklog in api.post(f"{root}/worklog/list", body, type=ROWS).data
                if (row := _worklog(worklog)) and (issues is None or row["issue_id"] in issues)
            ]
            count += len(rows)
            known.update((row["id"], 0) for row in rows)
            yield WORKLOGS, WORKLOGS.batch(rows)
        gone = [
            {
                "object": "worklogs",
                "id": key,
                "state": "deleted",
                "missed_at": _moment(at),
                "gone_at": _moment(at),
                "payload": {"object": "worklogs", "id": key, "state": "deleted"},
            }
            for key, at in deleted.items()
            if key in known
        ]
        yield TOMBSTONES, TOMBSTONES.batch(gone)
        marks.update({"updated": until, "deleted": gone_until})
        self.run.audit("worklogs", extracted=len(changed), loaded=count, deleted=len(gone))

    def _feed(self, name: str, since: int) -> tuple[dict[str, int], int]:
        """Follow a feed of worklogs: id → when, and until when it reaches.

        Raises:
            IncompleteRead: The feed does not go on.
        """
        found: dict[str, int] = {}
        for _ in range(MOST_PAGES):
            path = f"{self.site.root}/worklog/{name}"
            reply = self.site.optional("worklogs", path, {"since": since})
            if reply is None:
                return found, since
            page = reply.data
            found |= {str(row["worklogId"]): row["updatedTime"] for row in page.get("values") or []}
            until = max(since, page.get("until") or since)
            if page.get("lastPage", True):
                return found, until
            if until == since:
                raise IncompleteRead(f"jira: pagination loop, {path} repeats a moment")
            since = until
        raise IncompleteRead(f"jira: worklog/{name} does not end")

    def _known_issues(self) -> set[str]:
        ids = {row_id for (row_id,) in warehouse.rows(NAME, f"select id from {NAME}.issues")}
        return ids | self.issue_ids

    def _sprints(self) -> Iterator[Batch]:
        """Yield the sprints of all boards, and those that only issues know of."""
        site = self.site
        rows: dict[str, dict[str, Any]] = {}
        for board in self.boards:
            if board.get("type") != "kanban":
                path = f"{AGILE}/board/{board['id']}/sprint"
                rows |= {str(row["id"]): row for row in site.pages("sprints", path)}
        closed = warehouse.rows(NAME, f"select id from {NAME}.sprints where state = 'closed'")
        seen = self.site.rows.sprint_ids - rows.keys() - {row_id for (row_id,) in closed}
        for sprint_id in sorted(seen):
            reply = site.optional("sprints", f"{AGILE}/sprint/{sprint_id}")
            if reply:
                rows[sprint_id] = reply.data
        made = [_sprint_row(row) for row in rows.values()]
        new, seen = changed(NAME, SPRINTS, made, self.run.server_now)
        yield SPRINTS, SPRINTS.batch(new)
        yield SNAPSHOTS, SNAPSHOTS.batch(seen)
        self.run.audit("sprints", extracted=len(rows), loaded=len(new))

    def _note(self) -> None:
        """Note what was read beside the issues."""
        flawed = [
            f"{self.counts[name]:,} issues with history_quality {name}"
            for name in ("conflict", "gap", "drift", "truncated")
            if self.counts[name]
        ]
        self.run.audit(
            "histories",
            extracted=self.counts["histories"],
            rejected=self.counts["rejected"],
            status="incomplete" if self.counts["truncated"] else "complete",
            message="; ".join(flawed),
        )
        for name, (path, status) in self.site.denied.items():
            why = "no such path" if status == 404 else _scope_of(path)
            self.run.audit(
                name,
                # What only names things is known from the issues too.
                status="complete" if name in ONLY_NAMES else "incomplete",
                message=f"{urlsplit(path).path} is not shown to this user ({status}): {why}",
            )
        unknown = self.site.rows.unknown
        misfits = self.counts["misfits"]
        faults = [
            f"unknown fields: {', '.join(sorted(unknown))}" if unknown else "",
            f"{misfits:,} values of another type than expected, see jira.misfits"
            if misfits
            else "",
        ]
        if any(faults):
            message = "; ".join(filter(None, faults))
            self.run.audit("issues", rejected=misfits, message=message)


def _is_due(last: str | None, server_now: datetime) -> bool:
    return last is None or server_now - datetime.fromisoformat(last) >= DAILY


def _was_edited(row: Mapping[str, Any]) -> bool:
    """Whether an issue was changed after it was created."""
    created, updated = row["created_at"], row["updated_at"]
    return bool(created and updated and updated - created > UNTOUCHED)


def _opened(body: Body, name: str) -> Any:
    value = (body.fields or {}).get(name)
    return None if value is None else decode(value)


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _worklog(row: Any) -> dict[str, Any] | None:
    """Return the raw row of a worklog: who, when, how long; its comment is not loaded."""
    if not isinstance(row, dict) or row.get("id") in (None, ""):
        return None
    return {
        "id": str(row["id"]),
        "issue_id": str(row.get("issueId") or ""),
        "started_at": instant(row.get("started")),
        "updated_at": instant(row.get("updated")),
        "time_spent_s": row.get("timeSpentSeconds"),
        "payload": {
            "id": str(row["id"]),
            "created": pick(row.get("created"), KEEP),
            "author": person_of(row.get("author")),
            "updateAuthor": person_of(row.get("updateAuthor")),
        },
    }


def _sprint_row(row: dict[str, Any]) -> dict[str, Any]:
    shown = pick(row, SPRINT)
    return {
        "id": str(row["id"]),
        "name": shown.get("name"),
        "board_id": None if row.get("originBoardId") is None else str(row["originBoardId"]),
        "state": shown.get("state"),
        "start_at": instant(row.get("activatedDate") or row.get("startDate")),
        "end_at": instant(row.get("endDate")),
        "complete_at": instant(row.get("completeDate")),
        "payload": shown,
    }


def _dimensions(reader: Reader, fields: list[dict[str, Any]]) -> Iterator[Batch]:
    """Yield what issues refer to, read whole.

    What costs a request per project or board is read once a day.
    """
    run, site, api = reader.run, reader.site, reader.site.api
    root = site.root

    def dimension(
        table: RawTable,
        shape: Mapping[str, Any],
        listed: Callable[[], Iterable[Any]],
        columns: Callable[[dict[str, Any]], dict[str, Any]] = lambda row: {},
        may_be_empty: bool = False,
        message: str = "",
    ) -> Iterator[Batch]:
        unknown: set[str] = set()
        try:
            rows = [
                {
                    "id": str(row["id"]),
                    **columns(row),
                    "payload": pick(row, shape, unknown),
                }
                for row in listed() or []
                if isinstance(row, dict) and row.get("id") not in (None, "")
            ]
        except Forbidden as failure:
            run.audit(table.name, status="failed", message=str(failure))
            return
        for row in rows:
            row["name"] = row["payload"].get("name")
        new, seen = changed(NAME, table, rows, reader.run.server_now)
        yield SNAPSHOTS, SNAPSHOTS.batch(seen)
        words = [f"unknown fields: {', '.join(sorted(unknown))}" if unknown else "", message]
        is_whole = bool(rows) or may_be_empty
        run.audit(
            table.name,
            api_count=len(rows),
            extracted=len(rows),
            loaded=len(new),
            # None at all is a lost permission, not an empty Jira; what we have stays.
            status="complete" if is_whole else "incomplete",
            message="; ".join(filter(None, words)) if is_whole else "Jira shows none to this user",
        )
        yield table, table.batch(new)

    yield from dimension(
        PROJECTS, PROJECT, lambda: reader.visible, lambda row: {"key": row.get("key")}
    )
    yield from dimension(STATUSES, STATUS, lambda: _statuses(site), _category)
    yield from dimension(
        ISSUE_TYPES,
        ISSUE_TYPE,
        lambda: api.get(f"{root}/issuetype", type=ROWS).data,
        lambda row: {"hierarchy_level": row.get("hierarchyLevel")},
    )
    yield from dimension(FIELDS, FIELD, lambda: fields, message=_new_fields(fields, site.rows))
    if not reader.is_daily:
        return
    for table, path in NAMED_PATHS:
        yield from dimension(table, NAMED, partial(_named, site, table, path), may_be_empty=True)
    yield from dimension(BOARDS, BOARD, lambda: _boards(reader), _board_columns, may_be_empty=True)
    keys = reader.config.projects or [
        row["key"] for row in reader.visible if row.get("key") and not row.get("deleted")
    ]
    yield from dimension(
        VERSIONS,
        VERSION,
        lambda: _of_projects(site, keys, "versions"),
        lambda row: {
            "project_key": row["project_key"],
            "is_released": row.get("released"),
            "release_on": row.get("releaseDate"),
        },
        may_be_empty=True,
    )
    yield from dimension(
        COMPONENTS,
        COMPONENT,
        lambda: _of_projects(site, keys, "components"),
        lambda row: {"project_key": row["project_key"]},
        may_be_empty=True,
    )


CATEGORIES = {"TODO": "new", "IN_PROGRESS": "indeterminate", "DONE": "done"}


def _category(row: dict[str, Any]) -> dict[str, Any]:
    return {"category_key": (row.get("statusCategory") or {}).get("key")}


def _statuses(site: Site) -> list[dict[str, Any]]:
    """Return the statuses of active workflows, and on Cloud the others too, where we may."""
    found = {str(row.get("id")): row for row in site.api.get(f"{site.root}/status", type=ROWS).data}
    if isinstance(site, Cloud):
        for row in site.pages("statuses", f"{site.root}/statuses/search"):
            category = {"key": CATEGORIES.get(str(row.get("statusCategory")))}
            found.setdefault(str(row.get("id")), {**row, "statusCategory": category})
    return list(found.values())


NAMED_PATHS = (
    (PRIORITIES, "priority"),
    (RESOLUTIONS, "resolution"),
    (LINK_TYPES, "issueLinkType"),
)


def _named(site: Site, table: RawTable, path: str) -> list[dict[str, Any]]:
    """Return what a short list names; what a Jira does not list is named by its issues."""
    is_wrapped = table is LINK_TYPES
    place = f"{site.root}/{path}"
    reply = site.optional(table.name, place, type=OBJECT if is_wrapped else ROWS)
    if reply is None:
        return []
    return reply.data["issueLinkTypes"] if is_wrapped else reply.data


def _boards(reader: Reader) -> list[dict[str, Any]]:
    """Return the boards with their columns; none where Jira Software is not installed."""
    site, found = reader.site, {}
    for project in reader.config.projects or [""]:
        params = {"projectKeyOrId": project} if project else {}
        found |= {str(row["id"]): row for row in site.pages("boards", f"{AGILE}/board", params)}
    for key, row in found.items():
        reply = site.optional("boards", f"{AGILE}/board/{key}/configuration")
        if reply:
            row["filter_id"] = (reply.data.get("filter") or {}).get("id")
            row["columns"] = [
                {
                    **{name: column.get(name) for name in ("name", "min", "max")},
                    "statuses": [str(status.get("id")) for status in column.get("statuses") or []],
                }
                for column in (reply.data.get("columnConfig") or {}).get("columns") or []
            ]
    reader.boards = list(found.values())
    return reader.boards


def _board_columns(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "kind": row.get("type"),
        "project_key": (row.get("location") or {}).get("projectKey"),
    }


def _of_projects(site: Site, keys: Sequence[str], part: str) -> list[dict[str, Any]]:
    """Return the versions or the components of projects."""
    found = []
    for key in keys:
        reply = site.optional(part, f"{site.root}/project/{key}/{part}", type=ROWS)
        if reply:
            found += [{**row, "project_key": key} for row in reply.data]
    return found


def _new_fields(fields: list[dict[str, Any]], rows: Rows) -> str:
    """Name the fields that Jira did not have before; their values are not loaded."""
    known = {row_id for (row_id,) in warehouse.rows(NAME, f"select id from {NAME}.fields")}
    new = [
        f"{field_['name']} ({field_['id']}, {(field_.get('schema') or {}).get('type')})"
        for field_ in fields
        if known and str(field_.get("id")) not in known and str(field_.get("id")) not in rows.asked
    ]
    hint = "" if "flagged" in rows.roles.values() else _flag_hint("flagged", fields)
    told = [f"new fields, not loaded: {', '.join(new)}" if new else "", f"flagged: no field{hint}"]
    return "; ".join(part for part in told[: 2 if hint else 1] if part)


SOURCE = Source(NAME, "Jira", TABLES, JiraSettings, check, build, probes)

"""A Jira server: who we are to it, what kind it is, and what can be asked of either kind."""

import base64
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urljoin

import msgspec

from extract.api import OBJECT, Api, IncompleteRead, Reply
from extract.settings import setting_name
from extract.sources.jira.rows import Body, History, Rows
from extract.sources.jira.settings import JiraSettings
from extract.sources.jira.tables import NAME
from extract.tables import decode
from extract.tokens import client_token
from extract.windows import Window

FLOOR = timedelta(minutes=2)
"""How far the lower bound of a query goes below its minute: precision below it is unproven."""

WHERE = ("project", "updated", "archiveddate")
"""What is asked of an issue that search no longer shows."""

NEWEST = "updated >= 0 ORDER BY updated DESC"

ROOTS = {"cloud": "/rest/api/3", "datacenter": "/rest/api/2"}

AGILE = "/rest/agile/1.0"

MOST_IN_WINDOW = 20_000

IDS_PER_SEARCH = 5_000

BODIES_PER_REQUEST = 100

SERVER_PAGE = 50

MOST_PAGES = 10_000

CONCURRENT_REQUESTS = 4


def check(config: JiraSettings) -> None:
    """Ask who we are: the one endpoint that never answers anonymously."""
    connect(config)


def connect(config: JiraSettings) -> tuple[Api, str, datetime]:
    """Return the client, which kind of Jira it is, and the server's time."""
    api = api_of(config)
    deployment = config.deployment or deployment_of(api)
    return api, deployment, api.get(f"{ROOTS[deployment]}/myself").server_time


def api_of(config: JiraSettings) -> Api:
    """Return the client."""
    if config.client_id:
        token = client_token(NAME, token_url(config), config.client_id, str(config.client_secret))
        credential, authorize = "client_secret", token.headers
    else:
        pair = base64.b64encode(f"{config.email}:{config.api_token}".encode()).decode()
        header = f"Basic {pair}" if config.email else f"Bearer {config.api_token}"
        credential, authorize = "api_token", lambda renew: {"Authorization": header}
    return Api(
        NAME, config.base_url, credential=setting_name(NAME, credential), authorize=authorize
    )


def token_url(config: JiraSettings) -> str:
    """Return where the token of CLIENT_ID is minted."""
    return config.token_url or urljoin(config.base_url, "/oauth/token")


def deployment_of(api: Api) -> str:
    """Ask the server what it is; `serverInfo` needs no permission."""
    reply = api.get(f"{ROOTS['cloud']}/serverInfo", allow=(404,))
    is_cloud = reply.status == 200 and (reply.data or {}).get("deploymentType") == "Cloud"
    return "cloud" if is_cloud else "datacenter"


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


def scope_of(path: str) -> str:
    """Return in words which scope a path needs; boards have one, their sprints another."""
    found = [scope for part, scope in SCOPES.items() if part in path]
    return f"an OAuth client needs the scope {found[-1]}" if found else "no permission"


ListedIssues = dict[str, tuple[int | None, str]]
"""Id → (updated in ms, project key)."""

Changelogs = dict[str, list[History]]


@dataclass
class WindowProgress:
    """How far the issues of one window are read.

    Attributes:
        window: The window; its end comes closer when it is cut.
        jql: Its query.
        count: How many issues the server counts; an estimate on Cloud.
        known: What is loaded already, and need not be read again: id → (version, scope).
        has_next: Whether other windows follow.
        listed: How many distinct issues the server gave.
        gone: Listed, and gone when they were read.
        unread: Listed, and not read in this run.
    """

    window: Window
    jql: str
    count: int
    known: Mapping[str, tuple[Any, str]] = field(default_factory=dict)
    has_next: bool = False
    listed: int = 0
    gone: int = 0
    unread: int = 0

    @property
    def is_complete(self) -> bool:
        """Whether all that the server counts was listed and read."""
        return not self.unread and is_complete_listing(self.listed, self.count)


def is_complete_listing(listed: int, count: int) -> bool:
    """Whether a listing is as long as the server's count, which is an estimate."""
    return count - listed <= max(5, count // 200)


class Bodies(msgspec.Struct):
    """A page of issues."""

    issues: list[Body] | None = None
    total: int | None = None


class Changelog(msgspec.Struct):
    """A changelog, as an issue has it or as a page of its own endpoint."""

    histories: list[History] | None = None
    values: list[History] | None = None
    total: int | None = None
    isLast: bool | None = None  # noqa: N815


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

        The credentials worked before: a 401 here comes from Atlassian's gateway, which misses a
        scope of the token, and does not mean that they are wrong. It is noted with the object, and
        the rest is loaded.
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
    def listing(self, jql: str) -> ListedIssues:
        """Return the ids and versions of all issues that a query finds."""

    @abstractmethod
    def issues(self, progress: WindowProgress) -> Iterator[list[Body]]:
        """Yield the issues of a window batch by batch, and note how far it came."""

    @abstractmethod
    def by_id(self, ids: Sequence[str], progress: WindowProgress) -> Iterator[list[Body]]:
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
        return reply.status, body_of(reply.data) if reply.status == 200 else None

    def pages(
        self, object: str, path: str, params: Mapping[str, Any] | None = None
    ) -> list[dict[str, Any]]:
        """Follow pages by offset to the last one; [] where the path does not exist.

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


def body_of(data: Any) -> Body:
    """Return an issue that came alone."""
    return decode(msgspec.json.encode(data), Body)


def changelog_of(data: Any) -> Changelog:
    """Return a changelog; an empty one of anything else."""
    return decode(msgspec.json.encode(data), Changelog) if isinstance(data, dict) else Changelog()


def chunks(values: Sequence[str], size: int) -> Iterator[list[str]]:
    """Yield pieces of at most `size` values."""
    for start in range(0, len(values), size):
        yield list(values[start : start + size])


def bounds(window: Window, project: str | None = None) -> str:
    """Return the JQL of a window: bounded, and absolute in any user's time zone."""
    high = math.ceil(window.hi.timestamp() / 60) * 60_000
    return f"{updated_since(window.lo, project)} AND updated < {high}"


def updated_since(lo: datetime | None, project: str | None = None) -> str:
    """Return the JQL of all that was updated since a moment; None is any time."""
    low = 0 if lo is None else math.floor((lo - FLOOR).timestamp() / 60) * 60_000
    scope = f'project = "{project}" AND ' if project else ""
    return f"{scope}updated >= {low}"


def open_field(body: Body, name: str) -> Any:
    """Return the value of a field of an issue."""
    value = (body.fields or {}).get(name)
    return None if value is None else decode(value)

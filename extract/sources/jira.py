"""Jira: issues with their change histories, and the dimensions they refer to.

Settings: SOURCES__JIRA__BASE_URL, EMAIL and API_TOKEN (Cloud) or API_TOKEN alone (a bearer token:
personal access token of a Data Center, OAuth token of a Cloud gateway), PROJECTS (JSON list; empty
= all visible), DEPLOYMENT (cloud or datacenter; default: asked from the server), START_DATE.

Windows are closed on `updated` by the server's clock, five minutes behind it because the search
index lags, and reach back half an hour. Bounds are epoch milliseconds: a date in quotes would be
read in the searching user's time zone. On Cloud, search gives ids only; bodies and histories are
then read by id, where nothing lags. Issues that vanish from the source stay in the raw tables.
"""

import base64
import math
import re
import time
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import dlt
import pyarrow as pa
from dlt.common.configuration import configspec
from dlt.common.configuration.specs import BaseConfiguration
from dlt.common.typing import TSecretStrValue
from dlt.sources import DltResource, DltSource

from extract import settings
from extract.api import Api, IncompleteRead
from extract.privacy import DROP, KEEP, person, person_key, pick
from extract.settings import SettingFault, setting_name, settings_for, start_of
from extract.tables import BIGINT, TEXT, TIMESTAMP, RawTable, instant
from extract.windows import Window, close_window, next_window, shortened
from extract.work import Audit, Load

NAME = "jira"

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
FIELDS = RawTable("fields", "/rest/api/3/field", ("id",), {"id": TEXT, "name": TEXT})
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
)
HISTORIES = RawTable(
    "histories",
    "/rest/api/3/changelog/bulkfetch",
    ("issue_id", "id"),
    {"id": TEXT, "issue_id": TEXT, "created_at": TIMESTAMP, "item_count": BIGINT},
)
TABLES = (PROJECTS, STATUSES, ISSUE_TYPES, FIELDS, ISSUES, HISTORIES)

OVERLAP = timedelta(minutes=30)
FLOOR = timedelta(minutes=2)
"""How far the lower bound of a query goes below its minute: precision below it is unproven."""

ROOTS = {"cloud": "/rest/api/3", "datacenter": "/rest/api/2"}
MOST_IN_WINDOW = 20_000
IDS_PER_SEARCH = 5_000
BODIES_PER_REQUEST = 100
ISSUES_PER_BATCH = 1_000
HISTORIES_PER_REQUEST = 10_000
SERVER_PAGE = 50
MOST_PAGES = 10_000
MOST_OMITTED = 100
CONCURRENT_REQUESTS = 4

_NOISE = dict.fromkeys(("self", "description", "iconUrl", "untranslatedName"), DROP)
_NAMED = {**_NOISE, "id": KEEP, "name": KEEP}
_LINKED = {"id": KEEP, "key": KEEP, "self": DROP, "fields": DROP}
_CATEGORY = {"key": KEEP, **dict.fromkeys(("self", "id", "name", "colorName"), DROP)}
_ISSUE_TYPE = {
    **_NAMED,
    "subtask": KEEP,
    "hierarchyLevel": KEEP,
    **dict.fromkeys(("avatarId", "entityId", "scope"), DROP),
}
_STATUS = {**_NAMED, "statusCategory": _CATEGORY, "scope": DROP}
_PROJECT_OF_ISSUE = {
    "id": KEEP,
    "key": KEEP,
    **_NOISE,
    **dict.fromkeys(("name", "avatarUrls", "projectCategory", "projectTypeKey"), DROP),
    **dict.fromkeys(("simplified", "style"), DROP),
}
_SCOPE = {"type": KEEP, "project": {"id": KEEP, "self": DROP}}
_PROJECT = {
    "id": KEEP,
    "key": KEEP,
    "name": KEEP,
    "projectTypeKey": KEEP,
    "style": KEEP,
    **_NOISE,
    **dict.fromkeys(("avatarUrls", "projectCategory", "simplified", "isPrivate"), DROP),
    **dict.fromkeys(("properties", "expand", "entityId", "uuid", "lead", "insight"), DROP),
    **dict.fromkeys(("archived", "projectTemplateName", "favourite", "url"), DROP),
}
_FIELD = {
    "id": KEEP,
    "name": KEEP,
    "custom": KEEP,
    "schema": {"type": KEEP, "items": KEEP, "custom": KEEP, "system": DROP, "customId": DROP},
    **dict.fromkeys(("key", "orderable", "navigable", "searchable", "clauseNames"), DROP),
    **dict.fromkeys(("untranslatedName", "scope", "configuration"), DROP),
}


def _person(user: Any) -> dict[str, str] | None:
    """Return a user as a keyed hash; Cloud has account ids, Data Center keys and names."""
    if not isinstance(user, dict):
        return None
    account = user.get("accountId") or user.get("key") or user.get("name")
    return person(NAME, account, is_bot=user.get("accountType") == "app")


def _tags(labels: Any) -> list[str]:
    """Return labels without those that are mail addresses."""
    labels = labels if isinstance(labels, list) else []
    return [label for label in labels if isinstance(label, str) and "@" not in label]


def _plain(name: Any) -> Any:
    """Return a name that anybody may have typed, or None where it may carry a mail address."""
    return None if isinstance(name, (dict, list)) or "@" in str(name) else name


_RELEASE = {
    **_NAMED,
    "name": _plain,
    **dict.fromkeys(("archived", "released", "releaseDate", "startDate", "projectId"), DROP),
}
_COMPONENT = {
    **_NAMED,
    "name": _plain,
    **dict.fromkeys(("lead", "assignee", "assigneeType", "project", "projectId", "ari"), DROP),
}
ISSUE_FIELDS = {
    "issuetype": _ISSUE_TYPE,
    "project": _PROJECT_OF_ISSUE,
    "status": _STATUS,
    "priority": _NAMED,
    "resolution": _NAMED,
    "created": KEEP,
    "updated": KEEP,
    "resolutiondate": KEEP,
    "duedate": KEEP,
    "parent": _LINKED,
    "labels": _tags,
    "components": [_COMPONENT],
    "fixVersions": [_RELEASE],
    "issuelinks": [
        {
            "id": KEEP,
            "self": DROP,
            "type": {**_NAMED, "inward": DROP, "outward": DROP},
            "inwardIssue": _LINKED,
            "outwardIssue": _LINKED,
        }
    ],
    "assignee": _person,
    "reporter": _person,
    "creator": _person,
}
"""Fields of an issue that are requested and loaded, beside the custom fields with a role."""

ROLES = ("story_points", "team", "flagged", "sprints", "epic_key")
SCHEMA_ROLES = {
    "jsw-story-points": "story_points",
    "atlassian-team": "team",
    "rm-teams-custom-field-team": "team",
    "gh-sprint": "sprints",
    "gh-epic-link": "epic_key",
}
POINT_NAMES = {"story points", "story point estimate"}

LOADED_ITEMS = {
    "status",
    "resolution",
    "project",
    "Key",
    "issuetype",
    "priority",
    "Parent",
    "IssueParentAssociation",
    "Fix Version",
    "Component",
    "labels",
}
ADMINISTERED_ITEMS = {"status", "resolution", "issuetype", "priority", "project", "Key"}
LOADED_ITEM_IDS = {
    "status",
    "resolution",
    "project",
    "issuetype",
    "priority",
    "parent",
    "fixVersions",
    "components",
    "labels",
}
LOADED_CUSTOM_NAMES = {
    "Sprint",
    "Flagged",
    "Epic Link",
    "Story Points",
    "Story point estimate",
    "Team",
}
PERSON_ITEMS = {"assignee", "reporter"}
_SPRINT_TEXT = re.compile(r"\bid=(\d+).*?\bstate=(\w+)")


@configspec
class JiraSettings(BaseConfiguration):
    """Settings of the source, by dlt's rules."""

    base_url: str = None  # type: ignore[assignment]
    api_token: TSecretStrValue = None  # type: ignore[assignment]
    email: str | None = None
    projects: list[str] | None = None
    deployment: str | None = None
    start_date: str | None = None


def is_on() -> bool:
    """Whether Jira is configured."""
    return settings.is_on(NAME)


def check() -> None:
    """Ask who we are: the one endpoint that never answers anonymously.

    Raises:
        SettingFault: A setting is missing or wrong.
        SourceError: Jira refuses the credentials, or gives no answer.
    """
    _connect()


def _connect() -> tuple[JiraSettings, Api, str, datetime]:
    """Return the settings, the client, which kind of Jira it is, and the server's time."""
    config = _settings()
    api = _api(config)
    deployment = config.deployment or _deployment(api)
    return config, api, deployment, api.get(f"{ROOTS[deployment]}/myself").server_time


def _settings() -> JiraSettings:
    config = settings_for(NAME, JiraSettings)
    faults = []
    host = urlsplit(config.base_url).hostname or ""
    if not config.email and host.endswith(".atlassian.net"):
        faults.append(f"{setting_name(NAME, 'email')} is not set")
    if config.deployment not in (None, "", "cloud", "datacenter"):
        faults.append(f"{setting_name(NAME, 'deployment')} is neither cloud nor datacenter")
    try:
        start_of(NAME, config.start_date)
    except SettingFault as fault:
        faults.append(str(fault))
    if faults:
        raise SettingFault("\n".join(faults))
    return config


def _api(config: JiraSettings) -> Api:
    if config.email:
        pair = f"{config.email}:{config.api_token}".encode()
        authorization = f"Basic {base64.b64encode(pair).decode()}"
    else:
        authorization = f"Bearer {config.api_token}"
    return Api(
        NAME,
        config.base_url,
        credential=setting_name(NAME, "api_token"),
        authorize=lambda renew: {"Authorization": authorization},
    )


def _deployment(api: Api) -> str:
    """Ask the server what it is; `serverInfo` needs no permission."""
    reply = api.get(f"{ROOTS['cloud']}/serverInfo", allow=(404,))
    is_cloud = reply.status == 200 and (reply.data or {}).get("deploymentType") == "Cloud"
    return "cloud" if is_cloud else "datacenter"


def custom_fields(fields: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return the custom fields that have a role: id → role.

    Names are localised and can be changed, so the type decides where there is one of its own.
    """
    found = {}
    for field in fields:
        schema = field.get("schema") or {}
        kind = str(schema.get("custom") or "").rpartition(":")[2]
        name = str(field.get("name") or "").lower()
        role = SCHEMA_ROLES.get(kind)
        if role is None and kind == "multicheckboxes" and name == "flagged":
            role = "flagged"
        if role is None and schema.get("type") == "number" and name in POINT_NAMES:
            role = "story_points"
        if role is None and kind == "select" and name == "team":
            role = "team"
        if role and field.get("id"):
            found[str(field["id"])] = role
    return found


def derived(fields: Mapping[str, Any], roles: Mapping[str, str]) -> dict[str, Any]:
    """Return what the custom fields of an issue say, by role."""
    values: dict[str, list[Any]] = {role: [] for role in ROLES}
    for field, role in roles.items():
        if fields.get(field) not in (None, "", []):
            values[role].append(fields[field])
    points = [value for value in values["story_points"] if isinstance(value, int | float)]
    sprints = [part for value in values["sprints"] if isinstance(value, list) for part in value]
    epics = [value for value in values["epic_key"] if isinstance(value, str)]
    return {
        "story_points": points[0] if points else None,
        "team": _team(values["team"][0]) if values["team"] else None,
        "flagged": bool(values["flagged"]),
        "sprints": [sprint for part in sprints if (sprint := _sprint(part))],
        "epic_key": epics[0] if epics else None,
    }


def _team(value: Any) -> dict[str, Any] | None:
    if isinstance(value, dict):
        name = value.get("name") or value.get("title") or value.get("value")
        return {"id": pick(value.get("id"), KEEP), "name": _plain(name)}
    return {"id": value, "name": None} if isinstance(value, str) else None


def _sprint(value: Any) -> dict[str, Any] | None:
    """Return a sprint from an object, or from the text that older Data Center releases give."""
    if isinstance(value, dict):
        return {"id": pick(value.get("id"), KEEP), "state": pick(value.get("state"), KEEP)}
    found = _SPRINT_TEXT.search(value) if isinstance(value, str) else None
    return {"id": int(found[1]), "state": found[2].lower()} if found else None


def issue_row(
    issue: Mapping[str, Any], roles: Mapping[str, str], unknown: set[str]
) -> dict[str, Any]:
    """Return the raw row of an issue."""
    fields = issue.get("fields") if isinstance(issue.get("fields"), dict) else {}
    asked = {name: value for name, value in fields.items() if name not in roles}
    picked = pick(asked, ISSUE_FIELDS, unknown)
    key = issue.get("key")
    project = picked.get("project") or {}
    return {
        "id": str(issue["id"]),
        "key": key,
        "project_id": project.get("id") and str(project["id"]),
        "project_key": project.get("key") or (str(key).rpartition("-")[0] if key else None),
        "created_at": instant(picked.get("created")),
        "updated_at": instant(picked.get("updated")),
        "payload": {
            "id": str(issue["id"]),
            "key": key,
            "fields": {
                **{name: None for name in ISSUE_FIELDS},
                **{name: [] for name, shape in ISSUE_FIELDS.items() if isinstance(shape, list)},
                **picked,
                "labels": _tags(fields.get("labels")),
                **derived(fields, roles),
            },
        },
    }


def history_row(
    issue_id: str, history: Mapping[str, Any], loaded_names: set[str], loaded_ids: set[str]
) -> dict[str, Any] | None:
    """Return the raw row of a change history, or None when it has no id.

    Args:
        issue_id: Id of the issue.
        history: The history; `created` is text or epoch milliseconds.
        loaded_names: Names of custom fields whose values are loaded.
        loaded_ids: Ids of custom fields whose values are loaded.
    """
    if history.get("id") in (None, ""):
        return None
    created = instant(history.get("created"))
    items = history.get("items") if isinstance(history.get("items"), list) else []
    shown = [_item(item, loaded_names, loaded_ids) for item in items if isinstance(item, dict)]
    return {
        "id": str(history["id"]),
        "issue_id": issue_id,
        "created_at": created,
        "item_count": len(shown),
        "payload": {
            "id": str(history["id"]),
            "created": created.isoformat() if created else None,
            "author": _person(history.get("author")),
            "items": shown,
        },
    }


def _item(item: Mapping[str, Any], loaded_names: set[str], loaded_ids: set[str]) -> dict[str, Any]:
    """Return one change; its values only where the field is on the allow-list."""
    field, field_id = pick(item.get("field"), KEEP), pick(item.get("fieldId"), KEEP)
    kind = pick(item.get("fieldtype"), KEEP)
    values: dict[str, Any] = dict.fromkeys(("from", "fromString", "to", "toString"))
    if (field_id or field) in PERSON_ITEMS and kind != "custom":
        for end in ("from", "to"):
            values[end] = person_key(NAME, str(item[end])) if item.get(end) else None
    elif _is_loaded(field, field_id, kind, loaded_names, loaded_ids):
        values = {end: pick(item.get(end), KEEP) for end in values}
        if field == "labels":
            values = {end: text and _without_mail(text) for end, text in values.items()}
        elif field not in ADMINISTERED_ITEMS:
            values = {end: _plain(text) for end, text in values.items()}
    return {"field": field, "fieldId": field_id, "fieldtype": kind, **values}


def _is_loaded(
    field: str | None,
    field_id: str | None,
    kind: str | None,
    loaded_names: set[str],
    loaded_ids: set[str],
) -> bool:
    if field_id and str(field_id).startswith("customfield_"):
        return field_id in loaded_ids
    if field_id:
        return field_id in LOADED_ITEM_IDS
    return field in (loaded_names if kind == "custom" else LOADED_ITEMS)


def _without_mail(labels: str) -> str:
    return " ".join(label for label in str(labels).split(" ") if "@" not in label)


@dataclass
class Reading:
    """How far the issues of one window are read."""

    jql: str
    count: int
    listed: int = 0
    gone: int = 0
    left: int = 0

    @property
    def is_whole(self) -> bool:
        """Whether all that the server counts was listed and read; its count is an estimate."""
        return not self.left and self.count - self.listed <= max(5, self.count // 200)


class Site(ABC):
    """A Jira: how its issues and histories are read."""

    safety_lag: timedelta

    def __init__(self, api: Api, fields: list[dict[str, Any]]) -> None:
        self.api = api
        self.roles = custom_fields(fields)
        self.names = {
            str(field.get("name")) for field in fields if str(field.get("id")) in self.roles
        } | LOADED_CUSTOM_NAMES
        self.asked = [*ISSUE_FIELDS, *self.roles]
        self.unknown: set[str] = set()

    @abstractmethod
    def projects(self) -> list[dict[str, Any]]:
        """Return the visible projects."""

    @abstractmethod
    def count(self, jql: str) -> int:
        """Return how many issues a query finds."""

    @abstractmethod
    def issues(self, reading: Reading) -> Iterator[list[dict[str, Any]]]:
        """Yield the issues of a query batch by batch, and note how far the reading came."""

    @abstractmethod
    def histories(self, ids: list[str]) -> Iterator[list[tuple[str, dict[str, Any]]]]:
        """Yield (issue id, history) of issues that were yielded before, page by page."""


class Cloud(Site):
    """Jira Cloud: ids by search, bodies and histories by id."""

    safety_lag = timedelta(minutes=5)

    def projects(self) -> list[dict[str, Any]]:
        """Page through the visible projects."""
        found: dict[str, dict[str, Any]] = {}
        for _ in range(MOST_PAGES):
            params = {"startAt": len(found), "maxResults": SERVER_PAGE}
            page = self.api.get("/rest/api/3/project/search", params).data
            before = len(found)
            found.update({str(row["id"]): row for row in page.get("values") or []})
            if page.get("isLast", True) or len(found) >= page.get("total", 0):
                return list(found.values())
            if len(found) == before:
                raise IncompleteRead("jira: the list of projects does not go on")
        raise IncompleteRead("jira: the list of projects does not end")

    def count(self, jql: str) -> int:
        """Ask for the server's estimate."""
        reply = self.api.post("/rest/api/3/search/approximate-count", {"jql": jql})
        return int(reply.data["count"])

    def issues(self, reading: Reading) -> Iterator[list[dict[str, Any]]]:
        """List the ids, then read the bodies by id, some requests at a time."""
        ids: dict[str, None] = {}
        body = {
            "jql": f"{reading.jql} ORDER BY created ASC, key ASC",
            "fields": ["id", "updated"],
            "maxResults": IDS_PER_SEARCH,
        }
        for page in self._pages("/rest/api/3/search/jql", body):
            ids.update(dict.fromkeys(str(issue["id"]) for issue in page.get("issues") or []))
        reading.listed = len(ids)
        omitted: list[str] = []
        with ThreadPoolExecutor(CONCURRENT_REQUESTS) as pool:
            for batch in _chunks(list(ids), ISSUES_PER_BATCH):
                parts = pool.map(self._fetch, list(_chunks(batch, BODIES_PER_REQUEST)))
                issues = [issue for part in parts for issue in part]
                given = {str(issue["id"]) for issue in issues}
                omitted += [issue_id for issue_id in batch if issue_id not in given]
                yield issues
        found = [self._one(issue_id) for issue_id in omitted[:MOST_OMITTED]]
        reading.gone = found.count(None)
        reading.left = len(omitted[MOST_OMITTED:])
        if any(found):
            yield [issue for issue in found if issue]

    def _one(self, issue_id: str) -> dict[str, Any] | None:
        """Read an issue that search lists and the bulk endpoint omits; None when it is gone."""
        params = {"fields": ",".join(self.asked)}
        reply = self.api.get(f"/rest/api/3/issue/{issue_id}", params, allow=(404, 410))
        return reply.data if reply.status == 200 else None

    def _fetch(self, ids: list[str]) -> list[dict[str, Any]]:
        """Read up to 100 issues; what the first answer leaves out is asked for once more."""
        found: dict[str, dict[str, Any]] = {}
        for _ in range(2):
            missing = [issue_id for issue_id in ids if issue_id not in found]
            if not missing:
                break
            body = {"issueIdsOrKeys": missing, "fields": self.asked}
            page = self.api.post("/rest/api/3/issue/bulkfetch", body).data
            found.update({str(issue["id"]): issue for issue in page.get("issues") or []})
        return [found[issue_id] for issue_id in ids if issue_id in found]

    def histories(self, ids: list[str]) -> Iterator[list[tuple[str, dict[str, Any]]]]:
        """Page through all histories of the issues; one issue may span pages."""
        if not ids:
            return
        body = {"issueIdsOrKeys": ids, "maxResults": HISTORIES_PER_REQUEST}
        for page in self._pages("/rest/api/3/changelog/bulkfetch", body):
            yield [
                (str(log["issueId"]), history)
                for log in page.get("issueChangeLogs") or []
                for history in log.get("changeHistories") or []
            ]

    def _pages(self, path: str, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Follow page tokens until there is none.

        Raises:
            IncompleteRead: A token comes again, so that the listing would never end.
        """
        seen: set[str] = set()
        token = None
        for _ in range(MOST_PAGES):
            page = self.api.post(path, {**body, **({"nextPageToken": token} if token else {})}).data
            yield page
            token = page.get("nextPageToken")
            if not token:
                return
            if token in seen:
                raise IncompleteRead(f"jira: pagination loop, {path} repeats a page token")
            seen.add(token)
        raise IncompleteRead(f"jira: {path} does not end")


class DataCenter(Site):
    """Jira Data Center: issues with their whole changelog, by offset within a closed window."""

    safety_lag = timedelta(minutes=10)

    def __init__(self, api: Api, fields: list[dict[str, Any]]) -> None:
        super().__init__(api, fields)
        self.changelogs: dict[str, list[dict[str, Any]]] = {}

    def projects(self) -> list[dict[str, Any]]:
        """Return the visible projects; the answer is not paged."""
        return self.api.get("/rest/api/2/project").data or []

    def count(self, jql: str) -> int:
        """Return the exact number."""
        return int(self._search(jql, 0, 0)["total"])

    def issues(self, reading: Reading) -> Iterator[list[dict[str, Any]]]:
        """Page by offset; the window is read anew when its total changes while we page.

        Raises:
            IncompleteRead: The total changed again and again, or fewer issues came than it says.
        """
        jql = f"{reading.jql} ORDER BY created ASC, key ASC"
        for _ in range(3):
            seen: set[str] = set()
            start = 0
            while start < reading.count:
                page = self._search(jql, start, SERVER_PAGE)
                issues = page.get("issues") or []
                if page["total"] != reading.count or not issues:
                    break
                for issue in issues:
                    self.changelogs[str(issue["id"])] = _changelog(issue)
                seen.update(str(issue["id"]) for issue in issues)
                start += len(issues)
                yield issues
            if len(seen) == reading.count:
                reading.listed = len(seen)
                return
            reading.count = self.count(reading.jql)
        raise IncompleteRead("jira: the result of a search keeps changing while it is read")

    def histories(self, ids: list[str]) -> Iterator[list[tuple[str, dict[str, Any]]]]:
        """Return what came with the issues."""
        yield [(key, history) for key in ids for history in self.changelogs.pop(key, [])]

    def _search(self, jql: str, start: int, size: int) -> dict[str, Any]:
        body = {
            "jql": jql,
            "startAt": start,
            "maxResults": size,
            "fields": self.asked if size else ["id"],
            "expand": ["changelog"] if size else [],
        }
        return self.api.post("/rest/api/2/search", body).data


def _changelog(issue: Mapping[str, Any]) -> list[dict[str, Any]]:
    changelog = issue.get("changelog") or {}
    histories = changelog.get("histories") or []
    if len(histories) < changelog.get("total", 0):
        raise IncompleteRead("jira: the changelog of an issue is cut")
    return histories


def _chunks(values: Sequence[str], size: int) -> Iterator[list[str]]:
    for start in range(0, len(values), size):
        yield list(values[start : start + size])


def bounds(window: Window, project: str | None = None) -> str:
    """Return the JQL of a window: bounded, and absolute in any user's time zone."""
    low = 0 if window.lo is None else math.floor((window.lo - FLOOR).timestamp() / 60) * 60_000
    high = math.ceil(window.hi.timestamp() / 60) * 60_000
    scope = f'project = "{project}" AND ' if project else ""
    return f"{scope}updated >= {low} AND updated < {high}"


def build(work: Load) -> DltSource:
    """Return the source with everything that changed since the last load.

    Raises:
        SourceError: Jira refuses the credentials, or gives no answer.
    """
    config, api, deployment, server_now = _connect()
    root = ROOTS[deployment]
    fields = api.get(f"{root}/field").data or []
    site = Cloud(api, fields) if deployment == "cloud" else DataCenter(api, fields)
    visible = site.projects()
    start = start_of(NAME, config.start_date)

    @dlt.source(name=NAME, max_table_nesting=0)
    def jira() -> Iterator[Any]:
        if not work.windows:
            yield from _dimensions(work, site, root, visible, fields)
        issues = ISSUES.resource(
            lambda: _issues(work, site, _scopes(work, config, visible), server_now, start)
        )
        yield issues
        audit = work.audit("histories")
        yield HISTORIES.transformer(lambda batch: _histories(site, audit, batch), issues)

    return jira()


def _scopes(work: Load, config: JiraSettings, visible: list[dict[str, Any]]) -> list[str]:
    """Return the scopes with a watermark of their own: the configured projects, else everything.

    A configured project that is not visible is a failed scope; the others go on.
    """
    if not config.projects:
        return [""]
    keys = {row.get("key") for row in visible}
    for project in config.projects:
        if project not in keys:
            work.audit(
                "issues",
                scope=project,
                status="failed",
                message=f"{setting_name(NAME, 'projects')}: a project is not visible to this user",
            )
    return [project for project in config.projects if project in keys]


def _dimensions(
    work: Load,
    site: Site,
    root: str,
    projects: list[dict[str, Any]],
    fields: list[dict[str, Any]],
) -> Iterator[DltResource]:
    """Yield the resources of what issues refer to; all of it is read every time."""

    def dimension(
        table: RawTable,
        shape: Mapping[str, Any],
        rows: Callable[[], Any],
        columns: Callable[[dict[str, Any]], dict[str, Any]] = lambda row: {},
    ) -> DltResource:
        def generate() -> Iterator[pa.Table]:
            unknown: set[str] = set()
            listed = [
                {
                    "id": str(row["id"]),
                    "name": row.get("name"),
                    **columns(row),
                    "payload": pick(row, shape, unknown),
                }
                for row in rows() or []
                if row.get("id") not in (None, "")
            ]
            yield table.batch(listed)
            work.audit(
                table.name,
                api_count=len(listed),
                extracted=len(listed),
                # None at all is a lost permission, not an empty Jira; what we have stays.
                status="complete" if listed else "incomplete",
                message=_in_words(unknown) if listed else "Jira shows none to this user",
            )

        return table.resource(generate)

    def category(row: dict[str, Any]) -> dict[str, Any]:
        return {"category_key": (row.get("statusCategory") or {}).get("key")}

    yield dimension(PROJECTS, _PROJECT, lambda: projects, lambda row: {"key": row.get("key")})
    yield dimension(
        STATUSES,
        {**_STATUS, "scope": _SCOPE},
        lambda: site.api.get(f"{root}/status").data,
        category,
    )
    yield dimension(
        ISSUE_TYPES,
        _ISSUE_TYPE,
        lambda: site.api.get(f"{root}/issuetype").data,
        lambda row: {"hierarchy_level": row.get("hierarchyLevel")},
    )
    yield dimension(FIELDS, _FIELD, lambda: fields)


def _in_words(unknown: set[str]) -> str:
    return f"unknown fields: {', '.join(sorted(unknown))}" if unknown else ""


def _issues(
    work: Load, site: Site, scopes: list[str], server_now: datetime, start: datetime | None
) -> Iterator[pa.Table]:
    """Yield the changed issues of every scope; a watermark moves when its window is whole."""
    state = dlt.current.resource_state()
    for scope in scopes:
        window = next_window(
            state,
            scope,
            server_now,
            # A window that goes on where this load's last one ended needs no overlap.
            overlap=timedelta(0) if work.windows else OVERLAP,
            safety_lag=site.safety_lag,
            start=start,
            full=work.full and not work.windows,
        )
        if window.lo is not None and window.lo >= window.hi:
            continue
        part, count = shortened(
            window, lambda part, scope=scope: site.count(bounds(part, scope)), MOST_IN_WINDOW
        )
        reading = Reading(bounds(part, scope), count)
        yield from _window(work, site, scope, part, reading)
        if reading.is_whole:
            close_window(state, scope, part)
            work.more = work.more or part.hi < window.hi


def _window(
    work: Load, site: Site, scope: str, window: Window, reading: Reading
) -> Iterator[pa.Table]:
    began = time.monotonic()
    read: set[str] = set()
    for issues in site.issues(reading):
        rows = [issue_row(issue, site.roles, site.unknown) for issue in issues]
        read.update(row["id"] for row in rows)
        work.progress("issues", len(read), reading.count, began)
        yield _batch(ISSUES, [(row["project_key"] or "", row) for row in rows])
    rejected = reading.gone + reading.left
    faults = [
        f"{rejected:,} listed issues were not given" if rejected else "",
        "" if reading.is_whole else f"got {len(read):,} of {reading.count:,}; to be read again",
        _in_words(site.unknown),
    ]
    work.audit(
        "issues",
        scope=scope,
        window_from=window.lo,
        window_to=window.hi,
        api_count=reading.count,
        extracted=len(read),
        rejected=rejected,
        status="complete" if reading.is_whole and not rejected else "incomplete",
        message="; ".join(filter(None, faults)),
    )


def _histories(site: Site, audit: Audit, issues: pa.Table) -> Iterator[pa.Table]:
    """Yield all histories of a batch of issues."""
    scopes = dict(zip(issues["id"].to_pylist(), issues["_scope"].to_pylist(), strict=True))
    for page in site.histories(list(scopes)):
        rows = []
        for issue_id, history in page:
            row = history_row(issue_id, history, site.names, set(site.roles))
            if row is None:
                audit.rejected += 1
            else:
                rows.append((scopes.get(issue_id, ""), row))
        audit.extracted += len(rows)
        audit.finished_at = datetime.now(UTC)
        yield _batch(HISTORIES, rows)


def _batch(table: RawTable, rows: list[tuple[str, dict[str, Any]]]) -> pa.Table:
    """Return rows of several scopes as one table."""
    scopes: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for scope, row in rows:
        scopes[scope].append(row)
    if not scopes:
        return table.batch([])
    return pa.concat_tables([table.batch(part, scope) for scope, part in scopes.items()])

"""What is kept of a Jira issue, a change history and what they refer to: allow-lists, and rows.

Values repeat: a hundred thousand issues have a few statuses, types, people. So a field is opened
once per distinct value and the result is remembered; what never repeats is passed on as it came.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from extract.privacy import DROP, KEEP, person, person_key, pick
from extract.tables import decode, encode, instant

NAME = "jira"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOST_REMEMBERED = 50_000

_NOISE = dict.fromkeys(("self", "description", "iconUrl", "untranslatedName"), DROP)
_NAMED = {**_NOISE, "id": KEEP, "name": KEEP}
_LINKED = {"id": KEEP, "key": KEEP, "self": DROP, "fields": DROP}
_CATEGORY = {"key": KEEP, **dict.fromkeys(("self", "id", "name", "colorName"), DROP)}
ISSUE_TYPE = {
    **_NAMED,
    "subtask": KEEP,
    "hierarchyLevel": KEEP,
    **dict.fromkeys(("avatarId", "entityId", "scope"), DROP),
}
_STATUS = {**_NAMED, "statusCategory": _CATEGORY, "scope": DROP}
STATUS = {**_STATUS, "scope": {"type": KEEP, "project": {"id": KEEP, "self": DROP}}}
_PROJECT_OF_ISSUE = {
    "id": KEEP,
    "key": KEEP,
    **_NOISE,
    **dict.fromkeys(("name", "avatarUrls", "projectCategory", "projectTypeKey"), DROP),
    **dict.fromkeys(("simplified", "style"), DROP),
}
PROJECT = {
    "id": KEEP,
    "key": KEEP,
    "name": KEEP,
    "projectTypeKey": KEEP,
    "style": KEEP,
    "archived": KEEP,
    "deleted": KEEP,
    "insight": {"totalIssueCount": KEEP, "lastIssueUpdateTime": KEEP},
    **_NOISE,
    **dict.fromkeys(("avatarUrls", "projectCategory", "simplified", "isPrivate"), DROP),
    **dict.fromkeys(("properties", "expand", "entityId", "uuid", "lead", "issueTypes"), DROP),
    **dict.fromkeys(("projectTemplateName", "favourite", "url", "projectKeys", "email"), DROP),
    **dict.fromkeys(("archivedBy", "archivedDate", "deletedBy", "deletedDate"), DROP),
    **dict.fromkeys(("retentionTillDate", "landingPageInfo", "assigneeType"), DROP),
    **dict.fromkeys(("components", "versions", "roles", "permissions"), DROP),
}
FIELD = {
    "id": KEEP,
    "name": KEEP,
    "custom": KEEP,
    "schema": {"type": KEEP, "items": KEEP, "custom": KEEP, "system": DROP, "customId": DROP},
    **dict.fromkeys(("key", "orderable", "navigable", "searchable", "clauseNames"), DROP),
    **dict.fromkeys(("untranslatedName", "scope", "configuration"), DROP),
}
BOARD = {
    "id": KEEP,
    "name": lambda name: plain(name),
    "type": KEEP,
    "location": {
        "projectId": KEEP,
        "projectKey": KEEP,
        **dict.fromkeys(("displayName", "projectName", "projectTypeKey", "avatarURI"), DROP),
        **dict.fromkeys(("name", "userId", "userAccountId", "self"), DROP),
    },
    "filter_id": KEEP,
    "columns": [{"name": lambda name: plain(name), "statuses": [KEEP], "min": KEEP, "max": KEEP}],
    **dict.fromkeys(("self", "isPrivate", "admins", "canEdit", "favourite"), DROP),
}
SPRINT = {
    "id": KEEP,
    "name": lambda name: plain(name),
    "state": KEEP,
    "startDate": KEEP,
    "endDate": KEEP,
    "completeDate": KEEP,
    "activatedDate": KEEP,
    "createdDate": KEEP,
    "originBoardId": KEEP,
    **dict.fromkeys(("self", "goal", "synced", "autoStartStop", "incompleteIssues"), DROP),
    **dict.fromkeys(("rapidViewId", "sequence"), DROP),
}
VERSION = {
    "id": KEEP,
    "name": lambda name: plain(name),
    "archived": KEEP,
    "released": KEEP,
    "startDate": KEEP,
    "releaseDate": KEEP,
    "projectId": KEEP,
    "project_key": KEEP,
    **_NOISE,
    **dict.fromkeys(("userReleaseDate", "userStartDate", "overdue", "driver"), DROP),
    **dict.fromkeys(("approvers", "operations", "issuesStatusForFixVersion"), DROP),
    **dict.fromkeys(("moveUnfixedIssuesTo", "expand", "project"), DROP),
}
COMPONENT = {
    "id": KEEP,
    "project_key": KEEP,
    "name": lambda name: plain(name),
    "archived": KEEP,
    **_NOISE,
    **dict.fromkeys(("lead", "leadUserName", "leadAccountId", "assignee", "assigneeType"), DROP),
    **dict.fromkeys(("realAssignee", "realAssigneeType", "isAssigneeTypeValid"), DROP),
    **dict.fromkeys(("project", "projectId", "deleted", "ari", "metadata"), DROP),
}


def person_of(user: Any) -> dict[str, str] | None:
    """Return a user as a keyed hash; Cloud has account ids, Data Center keys and names."""
    if not isinstance(user, dict):
        return None
    account = user.get("accountId") or user.get("key") or user.get("name")
    return person(NAME, account, is_bot=user.get("accountType") == "app")


def tags(labels: Any) -> list[str]:
    """Return labels without those that are mail addresses."""
    labels = labels if isinstance(labels, list) else []
    return [label for label in labels if isinstance(label, str) and "@" not in label]


def plain(name: Any) -> Any:
    """Return a name that anybody may have typed, or None where it may carry a mail address."""
    return None if isinstance(name, (dict, list)) or "@" in str(name) else name


def value_of(value: Any) -> Any:
    """Return what is loaded of a custom field that the settings allow, whatever its type.

    Scalars, the values of options, people as keyed hashes, and lists of these.
    """
    if isinstance(value, list):
        return [value_of(part) for part in value]
    if isinstance(value, dict):
        if value.keys() & {"accountId", "emailAddress", "displayName"}:
            return person_of(value)
        return value_of(value.get("value", value.get("name")))
    return plain(value)


_VERSION_OF_ISSUE = {
    **_NAMED,
    "name": plain,
    **dict.fromkeys(("archived", "released", "releaseDate", "startDate", "projectId"), DROP),
}
_COMPONENT_OF_ISSUE = {
    **_NAMED,
    "name": plain,
    **dict.fromkeys(("lead", "assignee", "assigneeType", "project", "projectId", "ari"), DROP),
}
ISSUE_FIELDS = {
    "issuetype": ISSUE_TYPE,
    "project": _PROJECT_OF_ISSUE,
    "status": _STATUS,
    "priority": _NAMED,
    "resolution": _NAMED,
    "created": KEEP,
    "updated": KEEP,
    "resolutiondate": KEEP,
    "duedate": KEEP,
    "parent": _LINKED,
    "labels": tags,
    "components": [_COMPONENT_OF_ISSUE],
    "fixVersions": [_VERSION_OF_ISSUE],
    "issuelinks": [
        {
            "id": KEEP,
            "self": DROP,
            "type": {**_NAMED, "inward": DROP, "outward": DROP},
            "inwardIssue": _LINKED,
            "outwardIssue": _LINKED,
        }
    ],
    "assignee": person_of,
    "reporter": person_of,
    "creator": person_of,
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

SYSTEM_FIELDS = {
    "key": "issuekey",
    "issuekey": "issuekey",
    "project": "project",
    "status": "status",
    "resolution": "resolution",
    "issuetype": "issuetype",
    "issue type": "issuetype",
    "priority": "priority",
    "parent": "parent",
    "issueparentassociation": "parent",
    "fixversions": "fixVersions",
    "fix version": "fixVersions",
    "components": "components",
    "component": "components",
    "labels": "labels",
    "assignee": "assignee",
    "reporter": "reporter",
}
"""What a change may call a field of Jira itself, in lower case, and its id.

Cloud writes a name, which may be translated, and the id; Data Center and older releases the name
alone; what Cloud writes of a parent has no id either.
"""

ADMINISTERED_ITEMS = {"status", "resolution", "issuetype", "priority", "project", "issuekey"}
ROLE_NAMES = {
    "Sprint": "sprints",
    "Flagged": "flagged",
    "Epic Link": "epic_key",
    "Story Points": "story_points",
    "Story point estimate": "story_points",
    "Team": "team",
}
"""Custom fields in histories that carry no field id, as Data Center writes them."""

PERSON_ITEMS = {"assignee", "reporter"}
_NUMBER = re.compile(r"\d+")
_SPRINT_TEXT = re.compile(r"\bid=(\d+)")


def candidates(fields: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return the custom fields that look like one with a role: id → role.

    Names are localised and can be changed, so the type decides where there is one of its own.
    """
    found = {}
    for field_ in fields:
        schema = field_.get("schema") or {}
        kind = str(schema.get("custom") or "").rpartition(":")[2]
        name = str(field_.get("name") or "").lower()
        role = SCHEMA_ROLES.get(kind)
        if role is None and kind == "multicheckboxes" and name == "flagged":
            role = "flagged"
        if role is None and schema.get("type") == "number" and name in POINT_NAMES:
            role = "story_points"
        if role is None and kind == "select" and name == "team":
            role = "team"
        if role and field_.get("id"):
            found[str(field_["id"])] = role
    return found


def custom_fields(
    fields: Iterable[Mapping[str, Any]], chosen: Mapping[str, str | None] | None = None
) -> dict[str, str]:
    """Return the custom fields that have a role: id → role.

    Args:
        fields: The catalogue of fields.
        chosen: Role → the id that a setting names; it is then the only one with that role.
    """
    named = {role: field_id for role, field_id in (chosen or {}).items() if field_id}
    found = {key: role for key, role in candidates(fields).items() if role not in named}
    return {**found, **{field_id: role for role, field_id in named.items()}}


def derived(fields: Mapping[str, Any], roles: Mapping[str, str]) -> dict[str, Any]:
    """Return what the custom fields of an issue say, by role."""
    values: dict[str, list[Any]] = {role: [] for role in ROLES}
    for name, role in roles.items():
        if fields.get(name) not in (None, "", []):
            values[role].append(fields[name])
    points = [value for value in values["story_points"] if _is_number(value)]
    sprints = [part for value in values["sprints"] if isinstance(value, list) for part in value]
    epics = [value for value in values["epic_key"] if isinstance(value, str)]
    return {
        "story_points": points[0] if points else None,
        "team": _team(values["team"][0]) if values["team"] else None,
        "flagged": bool(values["flagged"]),
        "sprints": [sprint for part in sprints if (sprint := _sprint(part))],
        "epic_key": epics[0] if epics else None,
    }


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


FITS = {
    "story_points": _is_number,
    "team": lambda value: isinstance(value, str | dict),
    "flagged": lambda value: isinstance(value, list),
    "sprints": lambda value: isinstance(value, list),
    "epic_key": lambda value: isinstance(value, str),
}
"""Whether the value of a custom field has the type of its role."""


def _team(value: Any) -> dict[str, Any] | None:
    if isinstance(value, dict):
        name = value.get("name") or value.get("title") or value.get("value")
        return {"id": pick(value.get("id"), KEEP), "name": plain(name)}
    return {"id": value, "name": None} if isinstance(value, str) else None


def _sprint(value: Any) -> dict[str, Any] | None:
    """Return the id of a sprint, from an object or from the text of older Data Center releases.

    Its state changes without the issue, so it is kept with the sprint alone.
    """
    if isinstance(value, dict):
        return {"id": pick(value.get("id"), KEEP)}
    found = _SPRINT_TEXT.search(value) if isinstance(value, str) else None
    return {"id": int(found[1])} if found else None


NULL = msgspec.Raw(b"null")


class Body(msgspec.Struct):
    """An issue as the API gives it, its fields unopened."""

    id: str | int
    key: str | None = None
    fields: dict[str, msgspec.Raw] | None = None
    changelog: msgspec.Raw = NULL


class User(msgspec.Struct):
    """What is read of a user; no name, no mail address."""

    accountId: str | None = None  # noqa: N815
    key: str | None = None
    name: str | None = None
    accountType: str | None = None  # noqa: N815


class Item(
    msgspec.Struct, rename={"old": "from", "old_text": "fromString", "new_text": "toString"}
):
    """One change of one field, as it comes and as it is loaded."""

    field: Any = None
    fieldId: Any = None  # noqa: N815
    fieldtype: Any = None
    old: Any = None
    old_text: Any = None
    to: Any = None
    new_text: Any = None
    role: str | None = None


class History(msgspec.Struct):
    """One entry of a changelog."""

    id: str | int | None = None
    created: Any = None
    author: msgspec.Raw = NULL
    items: msgspec.Raw = NULL


class ShownHistory(msgspec.Struct):
    """One entry of a changelog as it is loaded."""

    id: str
    created: str | None
    author: msgspec.Raw
    items: list[Item]


@dataclass
class Chain:
    """The status changes of one issue: (created in ms, history id, item no, from, to)."""

    links: list[tuple[int, int, int, Any, Any]] = field(default_factory=list)

    @property
    def has_gap(self) -> bool:
        """Whether a change does not begin where the one before it ended."""
        self.links.sort(key=lambda link: link[:3])
        return any(a[4] != b[3] for a, b in zip(self.links, self.links[1:]))

    def drifts_from(self, current: str | None) -> bool:
        """Whether the last change ends elsewhere than the issue is now."""
        self.links.sort(key=lambda link: link[:3])
        return bool(self.links) and current is not None and self.links[-1][4] != current


_items = msgspec.json.Decoder(list[Item | None])


@dataclass
class Rows:
    """Makes raw rows of issues and histories.

    Remembers what it opened, which fields it did not know, and whose type it could not read.

    Args:
        fields: The catalogue of fields.
        chosen: Role → custom field that a setting names.
        titles: Whether titles are loaded.
        allowed: Ids of custom fields that are loaded besides, each under its id.
    """

    fields: Iterable[Mapping[str, Any]] = ()
    chosen: Mapping[str, str | None] | None = None
    titles: bool = False
    allowed: Iterable[str] = ()
    unknown: set[str] = field(default_factory=set)
    misfits: list[tuple[str, str, str]] = field(default_factory=list)
    sprint_ids: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.fields = list(self.fields)
        self.roles = custom_fields(self.fields, self.chosen)
        names = {str(f.get("id")): str(f.get("name")) for f in self.fields}
        self.role_names = {
            **ROLE_NAMES,
            **{names[key]: role for key, role in self.roles.items() if key in names},
        }
        self.shapes = {
            **ISSUE_FIELDS,
            **({"summary": KEEP} if self.titles else {}),
            **{name: value_of for name in self.allowed if name not in self.roles},
        }
        self.asked = [*self.shapes, *self.roles]
        self.blank = {
            name: msgspec.Raw(b"[]" if isinstance(shape, list) or shape is tags else b"null")
            for name, shape in self.shapes.items()
        }
        self._opened: dict[tuple[str, bytes], tuple[msgspec.Raw, tuple[str, ...]]] = {}
        self._people: dict[bytes, msgspec.Raw] = {}
        self._kinds: dict[tuple[Any, Any, Any], tuple[str, str | None]] = {}

    def issue(self, body: Body) -> dict[str, Any]:
        """Return the raw row of an issue, its payload encoded."""
        issue_id, given = str(body.id), body.fields or {}
        if given.keys() - self.asked:
            self.unknown.update(given.keys() - self.asked)
        shown = dict(self.blank)
        for name, shape in self.shapes.items():
            raw = given.get(name)
            if raw is not None:
                shown[name] = self._open(issue_id, name, raw, shape)
        custom = {name: decode(given[name]) for name in self.roles if name in given}
        for name, value in custom.items():
            role = self.roles[name]
            if value is not None and not FITS[role](value):
                self.misfits.append((issue_id, role, type(value).__name__))
        project = decode(shown["project"]) or {}
        status = decode(shown["status"]) or {}
        for name in ("resolutiondate", "duedate"):
            if self._moment(issue_id, shown, name) is None:
                shown[name] = NULL
        created, updated = (
            self._moment(issue_id, shown, "created"),
            self._moment(issue_id, shown, "updated"),
        )
        project_key = project.get("key")
        values = derived(custom, self.roles)
        self.sprint_ids.update(str(sprint["id"]) for sprint in values["sprints"])
        return {
            "id": issue_id,
            "key": body.key,
            "project_id": str(project["id"]) if project.get("id") else None,
            "project_key": project_key or (body.key.rpartition("-")[0] if body.key else None),
            "created_at": created,
            "updated_at": updated,
            "status_id": str(status["id"]) if status.get("id") not in (None, "") else None,
            "payload": encode({"id": issue_id, "key": body.key, "fields": {**shown, **values}}),
        }

    def _moment(self, issue_id: str, shown: Mapping[str, Any], name: str) -> datetime | None:
        value = decode(shown[name])
        moment = instant(value)
        if value is not None and moment is None:
            self.misfits.append((issue_id, name, type(value).__name__))
        return moment

    def _open(self, issue_id: str, name: str, raw: msgspec.Raw, shape: Any) -> msgspec.Raw:
        """Return the allowed part of a field's value, opened once per distinct value."""
        content = bytes(raw)
        if shape is KEEP and content[0] not in b"{[" and b"\\u" not in content:
            return raw
        known = self._opened.get((name, content))
        if known is None:
            unknown: set[str] = set()
            misfits: list[str] = []
            value = decode(raw)
            picked = pick(value, shape, unknown, f"{name}.", misfits)
            made_of = {tags: list, person_of: dict}.get(shape if callable(shape) else None, object)
            if value is not None and not isinstance(value, made_of):
                misfits.append(f"{name}:{type(value).__name__}")
            self.unknown |= unknown
            if len(self._opened) > MOST_REMEMBERED:
                self._opened.clear()
            known = (msgspec.Raw(encode(picked).encode()), tuple(misfits))
            self._opened[name, content] = known
        for misfit in known[1]:
            path, _, kind = misfit.rpartition(":")
            self.misfits.append((issue_id, path, kind))
        return known[0]

    def author(self, raw: msgspec.Raw) -> msgspec.Raw:
        """Return an author as a keyed hash, made once per person."""
        content = bytes(raw)
        known = self._people.get(content)
        if known is None:
            if len(self._people) > MOST_REMEMBERED:
                self._people.clear()
            known = msgspec.Raw(encode(person_of(decode(raw))).encode())
            self._people[content] = known
        return known

    def history(self, history: History, chain: Chain) -> tuple[str, int | None, int, str] | None:
        """Return (id, created in ms, item count, payload) of a history; None when it has no id.

        Its status changes are added to the chain of its issue.
        """
        if history.id in (None, ""):
            return None
        created = milliseconds(history.created)
        history_id = str(history.id)
        items = self._shown_items(history.items)
        order = int(history_id) if history_id.isdigit() else 0
        for place, item in enumerate(items):
            if system_field(item.field, item.fieldId, item.fieldtype) == "status":
                chain.links.append((created or 0, order, place, item.old, item.to))
        at = None if created is None else (EPOCH + timedelta(milliseconds=created)).isoformat()
        shown = ShownHistory(history_id, at, self.author(history.author), items)
        return history_id, created, len(items), encode(shown)

    def _shown_items(self, raw: msgspec.Raw) -> list[Item]:
        """Return the changes, their values only where the field is on the allow-list."""
        try:
            items = _items.decode(raw)
        except msgspec.ValidationError:
            value = decode(raw)
            items = [
                msgspec.convert(part, Item)
                for part in (value if isinstance(value, list) else [])
                if isinstance(part, dict)
            ]
        shown = []
        for item in items:
            if item is None:
                continue
            try:
                kind, role = self._kinds[item.field, item.fieldId, item.fieldtype]
            except (KeyError, TypeError):
                kind, role = self._kind(item)
            item.role = role
            if kind == "nothing":
                item.old = item.old_text = item.to = item.new_text = None
            elif kind == "person":
                item.old = person_key(NAME, str(item.old)) if item.old else None
                item.to = person_key(NAME, str(item.to)) if item.to else None
                item.old_text = item.new_text = None
            elif kind == "labels":
                item.old_text, item.new_text = (
                    text and _without_mail(text) for text in (item.old_text, item.new_text)
                )
                item.old, item.to = (text and _without_mail(text) for text in (item.old, item.to))
            elif kind == "typed":
                item.old, item.to = plain(item.old), plain(item.to)
                item.old_text, item.new_text = plain(item.old_text), plain(item.new_text)
                if role == "sprints":
                    for ids in (item.old, item.to):
                        self.sprint_ids.update(_NUMBER.findall(str(ids or "")))
            else:
                item.old, item.to = _id(item.old), _id(item.to)
                item.old_text, item.new_text = _scalar(item.old_text), _scalar(item.new_text)
            shown.append(item)
        return shown

    def _kind(self, item: Item) -> tuple[str, str | None]:
        """Return how the values of a changed field are treated, and its role."""
        item.field, item.fieldId = _scalar(item.field), _scalar(item.fieldId)
        item.fieldtype = _scalar(item.fieldtype)
        name, field_id = item.field, item.fieldId
        system, role = system_field(name, field_id, item.fieldtype), None
        if is_custom(field_id, item.fieldtype):
            role = self.roles.get(str(field_id)) if field_id else self.role_names.get(str(name))
            is_loaded = role is not None or (field_id is not None and field_id in self.shapes)
        else:
            is_loaded = system is not None
        if system in PERSON_ITEMS:
            kind = "person"
        elif not is_loaded:
            kind = "nothing"
        elif system == "labels":
            kind = "labels"
        elif system in ADMINISTERED_ITEMS:
            kind = "administered"
        else:
            kind = "typed"
        self._kinds[item.field, item.fieldId, item.fieldtype] = (kind, role)
        return kind, role


def is_custom(field_id: Any, fieldtype: Any) -> bool:
    """Return whether a changed field is one that a site has made itself."""
    return fieldtype == "custom" or str(field_id or "").startswith("customfield_")


def system_field(name: Any, field_id: Any, fieldtype: Any) -> str | None:
    """Return the id of a changed field of Jira itself that is loaded, whatever form tells it."""
    if is_custom(field_id, fieldtype):
        return None
    return SYSTEM_FIELDS.get(str(field_id or name).lower())


def milliseconds(value: object) -> int | None:
    """Return a time as milliseconds since 1970."""
    if type(value) is int and value > 99_999_999:
        return value
    moment = instant(value)
    return None if moment is None else (moment - EPOCH) // timedelta(milliseconds=1)


def _scalar(value: Any) -> Any:
    return None if isinstance(value, (dict, list)) else value


def _id(value: Any) -> str | None:
    """Return an id as text; some editions write numbers."""
    if value is None or isinstance(value, str):
        return value
    return None if isinstance(value, (dict, list)) else str(value)


def _without_mail(labels: Any) -> str:
    return " ".join(label for label in str(labels).split(" ") if "@" not in label)

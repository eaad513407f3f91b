"""What is kept of a Jira issue, a change history and what they refer to: allow-lists, and rows.

Values repeat: a hundred thousand issues have a few statuses, types, people. So a field is opened
once per distinct value and the result is remembered; what never repeats is passed on as it came.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import groupby, pairwise, permutations
from typing import Any, NamedTuple

import msgspec

from extract.privacy import DROP, KEEP, person, person_key, pick
from extract.tables import decode, encode, instant

NAME = "jira"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOST_REMEMBERED = 50_000

_NOISE = dict.fromkeys(("self", "description", "iconUrl", "untranslatedName"), DROP)
_NAMED = {**_NOISE, "id": KEEP, "name": KEEP, "untranslatedName": KEEP}
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
    "projectKeys": [KEEP],
    "projectTypeKey": KEEP,
    "style": KEEP,
    "archived": KEEP,
    "deleted": KEEP,
    "insight": {"totalIssueCount": KEEP, "lastIssueUpdateTime": KEEP},
    **_NOISE,
    **dict.fromkeys(("avatarUrls", "projectCategory", "simplified", "isPrivate"), DROP),
    **dict.fromkeys(("properties", "expand", "entityId", "uuid", "lead", "issueTypes"), DROP),
    **dict.fromkeys(("projectTemplateName", "favourite", "url", "email"), DROP),
    **dict.fromkeys(("archivedBy", "archivedDate", "deletedBy", "deletedDate"), DROP),
    **dict.fromkeys(("retentionTillDate", "landingPageInfo", "assigneeType"), DROP),
    **dict.fromkeys(("components", "versions", "roles", "permissions"), DROP),
}
FIELD = {
    "id": KEEP,
    "name": KEEP,
    "untranslatedName": KEEP,
    "custom": KEEP,
    "schema": {"type": KEEP, "items": KEEP, "custom": KEEP, "system": DROP, "customId": DROP},
    **dict.fromkeys(("key", "orderable", "navigable", "searchable", "clauseNames"), DROP),
    **dict.fromkeys(("scope", "configuration"), DROP),
}
NAMED = {
    **_NAMED,
    "inward": KEEP,
    "outward": KEEP,
    **dict.fromkeys(("statusColor", "isDefault", "avatarId", "schemes", "default"), DROP),
}
"""Priorities, resolutions and types of links."""

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
    **_NOISE,
    "id": KEEP,
    "name": plain,
    **dict.fromkeys(("archived", "released", "releaseDate", "startDate", "projectId"), DROP),
}
_COMPONENT_OF_ISSUE = {
    **_NOISE,
    "id": KEEP,
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
    "versions": [_VERSION_OF_ISSUE],
    "issuelinks": [
        {
            "id": KEEP,
            "self": DROP,
            "type": {**_NAMED, "inward": KEEP, "outward": KEEP},
            "inwardIssue": _LINKED,
            "outwardIssue": _LINKED,
        }
    ],
    "assignee": person_of,
    "reporter": person_of,
    "creator": person_of,
}
"""Fields of an issue that are requested and loaded, beside the custom fields with a role."""

ROLES = ("story_points", "team", "flagged", "sprints", "epic_key", "parent_key", "detected_in")
SCHEMA_ROLES = {
    "jsw-story-points": "story_points",
    "atlassian-team": "team",
    "rm-teams-custom-field-team": "team",
    "gh-sprint": "sprints",
    "gh-epic-link": "epic_key",
    "jpo-custom-field-parent": "parent_key",
}
POINT_NAMES = {"story points", "story point estimate"}
DETECTED_NAMES = {
    "detected in", "detected in environment", "detection environment", "environment detected",
    "environment found", "found in", "found in environment",
}  # fmt: skip
"""What sites call the list of the environments in which a defect may be found."""
FLAG_NAMES = {
    "flagged", "markiert", "marqué", "marquée", "avec indicateur", "marcado", "marcada",
    "señalado", "contrassegnato", "segnalato", "sinalizado", "gemarkeerd", "flaggad", "flagget",
    "markeret", "merket", "merkitty", "oznaczone", "označeno", "megjelölt", "marcat", "işaretli",
    "помечено", "отмечено", "フラグ付き", "フラグ", "플래그", "已标记", "已標記",
}  # fmt: skip
"""What a Jira set up in another language calls the flag, whose field has no type of its own."""

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
    "versions": "versions",
    "version": "versions",
    "components": "components",
    "component": "components",
    "labels": "labels",
    "assignee": "assignee",
    "reporter": "reporter",
    "issuelinks": "issuelinks",
    "link": "issuelinks",
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
    "Parent Link": "parent_key",
    "Story Points": "story_points",
    "Story point estimate": "story_points",
    "Team": "team",
}
"""Custom fields in histories that carry no field id, as Data Center writes them."""

PERSON_ITEMS = {"assignee", "reporter"}
_NUMBER = re.compile(r"\d+")
_ISSUE_KEY = re.compile(r"[A-Z][A-Z0-9_]*-[1-9][0-9]*")
_LINKED_SENTENCE = re.compile(r"(?=[^@\[\]:/\\]+$)\S+ \S+ .{1,60} ([A-Z][A-Z0-9_]*-[1-9][0-9]*)")
"""As Jira says that an issue is linked: "This issue blocks PAY-12", in the site's language."""
_SPRINT_TEXT = re.compile(r"\bid=(\d+)")


Former = Mapping[str, Iterable[str]]
"""Names that fields had when they were loaded before: id → names."""


def candidates(fields: Iterable[Mapping[str, Any]], former: Former | None = None) -> dict[str, str]:
    """Return the custom fields that look like one with a role: id → role.

    Names are localised and can be changed, so the type decides where there is one of its own, and
    a field that was known by its name is known by it when it has another one.
    """
    found = {}
    for field_ in fields:
        schema = field_.get("schema") or {}
        kind = str(schema.get("custom") or "").rpartition(":")[2]
        # The name that Jira gave it, whatever the account's language calls it.
        told = [field_.get("name"), field_.get("untranslatedName")]
        told += (former or {}).get(str(field_.get("id")), ())
        names = {str(name or "").strip().lower() for name in told}
        role = SCHEMA_ROLES.get(kind)
        if role is None and kind == "multicheckboxes" and names & FLAG_NAMES:
            role = "flagged"
        if role is None and schema.get("type") == "number" and names & POINT_NAMES:
            role = "story_points"
        if role is None and kind == "select" and "team" in names:
            role = "team"
        if role is None and kind in ("select", "radiobuttons") and names & DETECTED_NAMES:
            role = "detected_in"
        if role and field_.get("id"):
            found[str(field_["id"])] = role
    return found


def custom_fields(
    fields: Iterable[Mapping[str, Any]],
    chosen: Mapping[str, str | None] | None = None,
    former: Former | None = None,
) -> dict[str, str]:
    """Return the custom fields that have a role: id → role.

    Args:
        fields: The catalogue of fields.
        chosen: Role → the id that a setting names; it is then the only one with that role.
        former: Names that the fields had.
    """
    named = {role: field_id for role, field_id in (chosen or {}).items() if field_id}
    found = {key: role for key, role in candidates(fields, former).items() if role not in named}
    return {**found, **{field_id: role for role, field_id in named.items()}}


def derived(fields: Mapping[str, Any], roles: Mapping[str, str]) -> dict[str, Any]:
    """Return what the custom fields of an issue say, by role, and which one says it."""
    values: dict[str, list[Any]] = {role: [] for role in ROLES}
    used: dict[str, str] = {}
    for name, role in roles.items():
        if fields.get(name) not in (None, "", []):
            values[role].append(fields[name])
            if role in ("story_points", "team") and FITS[role](fields[name]):
                used.setdefault(role, name)
    points = [value for value in values["story_points"] if _is_number(value)]
    sprints = [part for value in values["sprints"] if isinstance(value, list) for part in value]
    epics = [value for value in values["epic_key"] if isinstance(value, str)]
    parents = [key for value in values["parent_key"] if (key := _key(value))]
    return {
        "story_points": points[0] if points else None,
        "team": _team(values["team"][0]) if values["team"] else None,
        "flagged": bool(values["flagged"]),
        "sprints": [sprint for part in sprints if (sprint := _sprint(part))],
        "epic_key": epics[0] if epics else None,
        "parent_key": parents[0] if parents else None,
        "detected_in": value_of(values["detected_in"][0]) if values["detected_in"] else None,
        "used_fields": used,
    }


def _key(value: Any) -> str | None:
    """Return the key of the issue in a Parent Link: a text, or an object that holds it."""
    if isinstance(value, dict):
        value = value.get("key") or (value.get("data") or {}).get("key")
    return value if isinstance(value, str) else None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


FITS = {
    "story_points": _is_number,
    "team": lambda value: isinstance(value, str | dict),
    "flagged": lambda value: isinstance(value, list),
    "sprints": lambda value: isinstance(value, list),
    "epic_key": lambda value: isinstance(value, str),
    "parent_key": lambda value: isinstance(value, str | dict),
    "detected_in": lambda value: isinstance(value, str | dict),
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


Move = tuple[str, str | None, str | None]
"""What one item of a history changed: (field, from, to)."""

ONE_VALUED = {"status", "resolution", "issuetype", "priority", "project", "issuekey", "assignee"}
"""Fields that hold one value, so that each change of one begins where the one before it ended."""

ONE_VALUED_ROLES = ONE_VALUED | {"story_points", "team", "flagged", "epic_key", "parent_key"}

MOST_ARRANGED = 6
"""Of so many entries of one moment every order is tried; more are put one after the other."""


class Entry(NamedTuple):
    """One history in its chain: when, its id as a number and as it is, and what it moved."""

    created: int
    order: int
    id: str
    moves: tuple[Move, ...]


@dataclass
class Chain:
    """The histories of one issue in the order in which they happened.

    What was imported, or done by a rule, often has one time, and ids that run backwards: of equal
    times the order is that in which every change begins where the one before it ended.
    """

    entries: list[Entry] = field(default_factory=list)

    def in_order(self) -> list[Entry]:
        """Return the entries, oldest first."""
        found: list[Entry] = []
        state: dict[str, str | None] = {}
        ordered = sorted(self.entries, key=lambda entry: entry[:3])
        for _, some in groupby(ordered, key=lambda entry: entry.created):
            for entry in _arranged(list(some), state):
                found.append(entry)
                state.update({name: to for name, _, to in entry.moves})
        return found

    def places(self) -> dict[str, int]:
        """Return the place of every history: id → 1 for the oldest."""
        return {entry.id: place for place, entry in enumerate(self.in_order(), 1)}

    def statuses(self) -> list[Move]:
        """Return the changes of the status, oldest first."""
        return [move for entry in self.in_order() for move in entry.moves if move[0] == "status"]

    @property
    def has_gap(self) -> bool:
        """Whether a change does not begin where the one before it ended."""
        return any(a[2] != b[1] for a, b in pairwise(self.statuses()))

    def drifts_from(self, current: str | None) -> bool:
        """Whether the last change ends elsewhere than the issue is now."""
        moves = self.statuses()
        return bool(moves) and current is not None and moves[-1][2] != current


def _breaks(entries: Iterable[Entry], state: Mapping[str, str | None]) -> int:
    """Return how many changes do not begin where the one before them ended."""
    now, count = dict(state), 0
    for entry in entries:
        for name, old, new in entry.moves:
            count += name in now and now[name] != old
            now[name] = new
    return count


def _arranged(entries: list[Entry], state: dict[str, str | None]) -> list[Entry]:
    """Return entries of one moment in the order that breaks the fewest chains."""
    if len(entries) == 1:
        return entries
    # Where a chain begins here, it begins with what no change of this moment leads to.
    moves = [move for entry in entries for move in entry.moves]
    begins: dict[str, str | None] = {}
    for name in {move[0] for move in moves} - state.keys():
        olds = Counter(old for one, old, _ in moves if one == name)
        olds.subtract(new for one, _, new in moves if one == name)
        starts = [value for value, count in olds.items() if count > 0]
        if len(starts) == 1:
            begins[name] = starts[0]
    known = {**state, **begins}
    if not _breaks(entries, known):
        return entries
    if len(entries) <= MOST_ARRANGED:
        return list(min(permutations(entries), key=lambda some: _breaks(some, known)))
    left, found = list(entries), []
    while left:
        entry = min(left, key=lambda one: _breaks([one], known))
        left.remove(entry)
        found.append(entry)
        known.update({name: new for name, _, new in entry.moves})
    return found


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
        former: Names that fields had when they were loaded before.
    """

    fields: Iterable[Mapping[str, Any]] = ()
    chosen: Mapping[str, str | None] | None = None
    titles: bool = False
    allowed: Iterable[str] = ()
    former: Former = field(default_factory=dict)
    unknown: set[str] = field(default_factory=set)
    misfits: list[tuple[str, str, str]] = field(default_factory=list)
    sprint_ids: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.fields = list(self.fields)
        self.roles = custom_fields(self.fields, self.chosen, self.former)
        names = {str(f.get("id")): str(f.get("name")) for f in self.fields}
        chosen = {role for role, field_id in (self.chosen or {}).items() if field_id}
        self.role_names = {
            **{
                name: role
                for name, role in ROLE_NAMES.items()
                if role not in chosen and name not in names.values()
            },
            **{name: role for key, role in self.roles.items() for name in self.former.get(key, ())},
            **{names[key]: role for key, role in self.roles.items() if key in names},
        }
        # Where a history tells a name only, it is the field of that name that has the role.
        self.role_ids = {(role, names.get(key)): key for key, role in self.roles.items()}
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
        moves = tuple(
            (name, _told(item.old, item.old_text), _told(item.to, item.new_text))
            for item in items
            if (name := item.role or system_field(item.field, item.fieldId, item.fieldtype))
            in ONE_VALUED_ROLES
        )
        chain.entries.append(Entry(created or 0, order, history_id, moves))
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
            if role and not item.fieldId:
                item.fieldId = self.role_ids.get((role, item.field))
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
            elif kind == "link":
                item.old, item.old_text = _link(item.old, item.old_text)
                item.to, item.new_text = _link(item.to, item.new_text)
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
        elif system == "issuelinks":
            kind = "link"
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


def _told(value: Any, text: Any) -> str | None:
    """Return what a change says of a value: its id, or its text; nothing where it is empty."""
    for one in (value, text):
        if one not in (None, "", "[]"):
            return str(one)
    return None


def _scalar(value: Any) -> Any:
    return None if isinstance(value, (dict, list)) else value


def _id(value: Any) -> str | None:
    """Return an id as text; some editions write numbers."""
    if value is None or isinstance(value, str):
        return value
    return None if isinstance(value, (dict, list)) else str(value)


def _link(key: Any, text: Any) -> tuple[str | None, str | None]:
    """Return the key of a linked issue and what is said of it, nothing where it is another text."""
    said = _LINKED_SENTENCE.fullmatch(text) if isinstance(text, str) else None
    if not isinstance(key, str) or not _ISSUE_KEY.fullmatch(key):
        return None, None
    return key, text if said and said[1] == key else None


def _without_mail(labels: Any) -> str:
    return " ".join(label for label in str(labels).split(" ") if "@" not in label)

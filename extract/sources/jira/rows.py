"""Raw rows of issues and change histories.

Values repeat: a hundred thousand issues have a few statuses, types, people. So a field is opened
once per distinct value and the result is remembered; what never repeats is passed on as it came.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from extract.privacy import KEEP, person_key, pick
from extract.sources.jira.chains import ONE_VALUED_ROLES, Chain, Entry
from extract.sources.jira.fields import (
    FITS,
    ROLE_NAMES,
    Former,
    custom_fields,
    derived,
    is_custom,
    system_field,
)
from extract.sources.jira.shapes import ISSUE_FIELDS, person_of, plain, tags, value_of
from extract.sources.jira.tables import NAME
from extract.tables import decode, encode, instant

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

MOST_REMEMBERED = 50_000

ADMINISTERED_ITEMS = {"status", "resolution", "issuetype", "priority", "project", "issuekey"}

PERSON_ITEMS = {"assignee", "reporter"}

_NUMBER = re.compile(r"\d+")

_ISSUE_KEY = re.compile(r"[A-Z][A-Z0-9_]*-[1-9][0-9]*")

_LINKED_SENTENCE = re.compile(r"(?=[^@\[\]:/\\]+$)\S+ \S+ .{1,60} ([A-Z][A-Z0-9_]*-[1-9][0-9]*)")
"""As Jira says that an issue is linked: "This issue blocks PAY-12", in the site's language."""

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
    type_mismatches: list[tuple[str, str, str]] = field(default_factory=list)
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
                self.type_mismatches.append((issue_id, role, type(value).__name__))
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
            self.type_mismatches.append((issue_id, name, type(value).__name__))
        return moment

    def _open(self, issue_id: str, name: str, raw: msgspec.Raw, shape: Any) -> msgspec.Raw:
        """Return the allowed part of a field's value, opened once per distinct value."""
        content = bytes(raw)
        if shape is KEEP and content[0] not in b"{[" and b"\\u" not in content:
            return raw
        known = self._opened.get((name, content))
        if known is None:
            unknown: set[str] = set()
            type_mismatches: list[str] = []
            value = decode(raw)
            picked = pick(value, shape, unknown, f"{name}.", type_mismatches)
            made_of = {tags: list, person_of: dict}.get(shape if callable(shape) else None, object)
            if value is not None and not isinstance(value, made_of):
                type_mismatches.append(f"{name}:{type(value).__name__}")
            self.unknown |= unknown
            if len(self._opened) > MOST_REMEMBERED:
                self._opened.clear()
            known = (msgspec.Raw(encode(picked).encode()), tuple(type_mismatches))
            self._opened[name, content] = known
        for misfit in known[1]:
            path, _, kind = misfit.rpartition(":")
            self.type_mismatches.append((issue_id, path, kind))
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
            (name, _value_or_text(item.old, item.old_text), _value_or_text(item.to, item.new_text))
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


def milliseconds(value: object) -> int | None:
    """Return a time as milliseconds since 1970."""
    if type(value) is int and value > 99_999_999:
        return value
    moment = instant(value)
    return None if moment is None else (moment - EPOCH) // timedelta(milliseconds=1)


def _value_or_text(value: Any, text: Any) -> str | None:
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

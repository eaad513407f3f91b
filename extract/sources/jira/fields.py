"""Which fields of a Jira mean what: custom fields with a role, and the names that changes use."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from extract.privacy import KEEP, pick
from extract.settings import setting_name
from extract.sources.jira.shapes import plain, value_of
from extract.sources.jira.tables import NAME

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
        field_names = [field_.get("name"), field_.get("untranslatedName")]
        field_names += (former or {}).get(str(field_.get("id")), ())
        names = {str(name or "").strip().lower() for name in field_names}
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


def is_custom(field_id: Any, fieldtype: Any) -> bool:
    """Return whether a changed field is one that a site has made itself."""
    return fieldtype == "custom" or str(field_id or "").startswith("customfield_")


def system_field(name: Any, field_id: Any, fieldtype: Any) -> str | None:
    """Return the id of a changed field of Jira itself that is loaded, whatever form tells it."""
    if is_custom(field_id, fieldtype):
        return None
    return SYSTEM_FIELDS.get(str(field_id or name).lower())


def flag_hint(role: str, fields: Iterable[Mapping[str, Any]]) -> str:
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

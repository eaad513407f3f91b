"""Raw rows of ServiceNow, and the fields that are asked for."""

from collections.abc import Mapping, Sequence, Set
from typing import Any

from extract.privacy import person, person_key
from extract.sources.servicenow.tables import NAME
from extract.tables import instant

_EVERY_RECORD = ("sys_id", "sys_created_on", "sys_updated_on", "sys_mod_count")

_EVERY_TASK = (
    *(*_EVERY_RECORD, "sys_class_name", "number", "state", "active", "priority"),
    *("opened_at", "closed_at", "close_code", "approval", "parent", "correlation_id"),
    *("assignment_group", "assigned_to", "opened_by", "closed_by"),
    *("business_service", "cmdb_ci", "made_sla", "reassignment_count"),
)

FIELDS = {
    "incident": (
        *(*_EVERY_TASK, "incident_state", "hold_reason", "severity", "impact", "urgency"),
        *("category", "reopen_count", "resolved_at", "resolved_by", "caller_id"),
        *("caused_by", "rfc", "problem_id", "parent_incident"),
    ),
    "change_request": (
        *(*_EVERY_TASK, "type", "risk", "impact", "phase", "start_date", "end_date"),
        *("work_start", "work_end", "requested_by"),
    ),
    "change_task": (*_EVERY_TASK, "change_request", "change_task_type", "work_start", "work_end"),
    "problem": (
        *(*_EVERY_TASK, "problem_state", "impact", "urgency", "resolved_at", "resolved_by"),
        *("reopen_count", "known_error", "rfc", "duplicate_of", "first_reported_by_task"),
    ),
    "sc_req_item": (*_EVERY_TASK, "stage", "request", "cat_item", "due_date", "requested_for"),
    "sc_task": (*_EVERY_TASK, "request_item", "request", "due_date"),
    "rm_story": (*_EVERY_TASK, "type", "story_points", "blocked", "epic", "sprint", "release"),
    "task_sla": (
        *(*_EVERY_RECORD, "task", "sla", "stage", "active", "has_breached", "start_time"),
        *("end_time", "planned_end_time", "duration", "business_duration", "pause_duration"),
        *("percentage", "business_percentage"),
    ),
}

PERSON_FIELDS = {
    *("caller_id", "opened_by", "assigned_to", "resolved_by", "closed_by", "requested_by"),
    "requested_for",
}

BOOLEAN_FIELDS = {
    *("active", "made_sla", "known_error", "blocked", "has_breached", "calculation_complete"),
    *("inactive", "audit"),
}

NUMBER_FIELDS = {
    *("sys_mod_count", "reassignment_count", "reopen_count", "record_checkpoint", "sequence"),
}

DURATION_FIELDS = {"duration", "business_duration", "pause_duration"}

VERSION_FIELDS = (
    *("state", "incident_state", "problem_state", "active", "priority", "assignment_group"),
    *("approval", "stage"),
)
"""What is kept of every version of a record that a load sees."""

LOADED_VALUES = {name for fields in FIELDS.values() for name in fields} - PERSON_FIELDS
"""Fields whose old and new values are loaded; those of people are hashed, all others are null."""

STATE_FIELDS = ("state", "incident_state", "problem_state")

LABELLED = (
    *STATE_FIELDS,
    *("priority", "severity", "impact", "urgency", "risk", "type", "phase", "approval", "stage"),
    *("close_code", "hold_reason"),
)
"""Fields whose choices are loaded."""

AUDIT_FIELDS = (
    *("sys_id", "tablename", "documentkey", "fieldname", "oldvalue", "newvalue", "user"),
    *("record_checkpoint", "sys_created_on"),
)

DEFINITION_FIELDS = ("sys_id", "name", "table", "field", "type", "active")

INSTANCE_FIELDS = (
    *("sys_id", "definition", "id", "field_value", "value", "start", "end", "duration"),
    *("calculation_complete", "sys_updated_on"),
)

CHOICE_FIELDS = ("sys_id", "name", "element", "value", "label", "language", "inactive", "sequence")

DICTIONARY_FIELDS = ("sys_id", "name", "element", "internal_type", "reference", "audit")

SLA_DEFINITION_FIELDS = ("sys_id", "name", "type", "target", "duration")

DELETE_FIELDS = ("sys_id", "tablename", "documentkey", "sys_created_on")

SYSTEM_USERS = frozenset({"system", "guest"})

Row = dict[str, str]


def typed(name: str, value: Any) -> Any:
    """Return a value of a field in its own type; empty is null, people are keyed hashes.

    A reference may come as an object even where it should not; it is its sys_id.
    """
    text = text_of(value)
    if text is None:
        return None
    if name in PERSON_FIELDS:
        return person(NAME, text)
    if name in BOOLEAN_FIELDS:
        return truth_of(text)
    if name in NUMBER_FIELDS:
        return number_of(text)
    return seconds(text) if name in DURATION_FIELDS else text


def known(row: Mapping[str, Any], fields: Sequence[str]) -> dict[str, Any]:
    """Return the columns of a row that are loaded."""
    return {name: typed(name, row.get(name)) for name in fields}


def seconds(value: Any) -> int | None:
    """Return a duration in seconds: ServiceNow writes it as the time since 1970."""
    text = text_of(value)
    if text is None or text.isdigit():
        return None if text is None else int(text)
    moment = instant(text)
    return None if moment is None else int(moment.timestamp())


def text_of(value: Any) -> str | None:
    """Return a value as text; a reference may come as an object even where it should not."""
    if isinstance(value, dict):
        value = value.get("value")
    return None if value in (None, "") or isinstance(value, list) else str(value)


def truth_of(value: Any) -> bool | None:
    """Return a value as a truth; None where it is neither."""
    return {"true": True, "1": True, "false": False, "0": False}.get((text_of(value) or "").lower())


def number_of(value: Any) -> int | None:
    """Return a value as an integer, or None."""
    text = text_of(value)
    try:
        return int(text) if text else None
    except ValueError:
        return None


def _value(field_name: str | None, value: Any) -> str | None:
    """Return an old or new value of a field, as far as it may be loaded."""
    text = text_of(value)
    if text is None:
        return None
    if field_name in PERSON_FIELDS:
        return person_key(NAME, text)
    return text if field_name in LOADED_VALUES else None


def version_of(row: Row) -> str:
    """Return what is another text whenever a record was updated; see VERSION."""
    updated = instant(row.get("sys_updated_on"))
    count = number_of(row.get("sys_mod_count"))
    stamp = "" if updated is None else str(int(updated.timestamp() * 1000))
    return f"{'' if count is None else count} {stamp}"


VERSION = "concat(sys_mod_count, ' ', epoch_ms(sys_updated_at))"
"""The same as SQL on a raw table."""


def record_row(table: str, row: Row) -> dict[str, Any]:
    """Return the raw row of a task or of a task's SLA."""
    made = {
        "sys_id": row["sys_id"],
        "number": text_of(row.get("number")),
        "sys_class_name": text_of(row.get("sys_class_name")) or table,
        "sys_created_at": instant(row.get("sys_created_on")),
        "sys_updated_at": instant(row.get("sys_updated_on")),
        "sys_mod_count": number_of(row.get("sys_mod_count")),
        "payload": known(row, FIELDS[table]),
    }
    if table == "task_sla":
        made |= {
            "task_id": text_of(row.get("task")),
            "sla_id": text_of(row.get("sla")),
            "stage": text_of(row.get("stage")),
            "is_active": truth_of(row.get("active")),
            "has_breached": truth_of(row.get("has_breached")),
            "started_at": instant(row.get("start_time")),
            "ended_at": instant(row.get("end_time")),
            "planned_end_at": instant(row.get("planned_end_time")),
            **{f"{name}_s": seconds(row.get(name)) for name in sorted(DURATION_FIELDS)},
        }
    return made


def version_row(table: str, row: Row) -> dict[str, Any]:
    """Return what a version of a record looked like when a load saw it."""
    return {
        "table_name": table,
        "sys_id": row["sys_id"],
        "version": version_of(row),
        "sys_mod_count": number_of(row.get("sys_mod_count")),
        "sys_updated_at": instant(row.get("sys_updated_on")),
        "payload": known(row, VERSION_FIELDS),
    }


def audit_row(row: Row, bots: Set[str] = SYSTEM_USERS) -> dict[str, Any]:
    """Return the raw row of one changed field."""
    name = text_of(row.get("fieldname"))
    user = text_of(row.get("user"))
    return {
        "sys_id": row["sys_id"],
        "table_name": text_of(row.get("tablename")),
        "document_id": row["documentkey"],
        "field_name": name,
        "sys_created_at": instant(row.get("sys_created_on")),
        "record_checkpoint": number_of(row.get("record_checkpoint")),
        "payload": {
            "oldvalue": _value(name, row.get("oldvalue")),
            "newvalue": _value(name, row.get("newvalue")),
            "user": person(NAME, user, is_bot=user in bots),
        },
    }


def instance_row(row: Row, field_name: str | None) -> dict[str, Any]:
    """Return the raw row of one span in which a field kept its value.

    `value` is what people read, so it is loaded only where `field_value` is.
    """
    is_plain = field_name in LOADED_VALUES
    return {
        "sys_id": row["sys_id"],
        "definition_id": text_of(row.get("definition")),
        "document_id": text_of(row.get("id")),
        "sys_updated_at": instant(row.get("sys_updated_on")),
        "started_at": instant(row.get("start")),
        "ended_at": instant(row.get("end")),
        "duration_s": seconds(row.get("duration")),
        "is_complete": truth_of(row.get("calculation_complete")),
        "payload": {
            "field_value": _value(field_name, row.get("field_value")),
            "value": text_of(row.get("value")) if is_plain else None,
        },
    }

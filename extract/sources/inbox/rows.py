"""Raw rows of events: envelopes, CDEvents and CloudEvents.

Types that we do not know are kept without their payload, and counted; so are those that no model
reads.
"""

import base64
import re
from datetime import UTC, datetime
from typing import Any

import msgspec

from extract.privacy import person_key, pick, shown_environment, without_mail
from extract.sources.inbox.tables import NAME
from extract.tables import decode, instant

KNOWN_VERSIONS = {"", "1", "1.0"}

KNOWN_TYPES = re.compile(
    r"(pipelinerun\.(queued|started|finished)|taskrun\.(started|finished)"
    r"|service\.(deployed|upgraded|rolledback|removed|published)"
    r"|environment\.(created|modified|deleted)|incident\.(detected|reported|resolved)"
    r"|approval\.[a-z]+)"
)

UNUSED_TYPES = re.compile(
    r"service\.(removed|published)|environment\.(created|modified|deleted)"
    r"|approval\.(?!(approved|accepted|granted|rejected|declined|denied)$)[a-z]+"
)
"""Known, and kept with their payload; no model reads them yet."""

CDEVENT = re.compile(r"(?:dev\.)?(?:cdevents\.)?([a-z]+\.[a-z]+)(?:\.(\d[\w.+-]*))?")

LOGIN = re.compile(r"(?<=://)[^/@\s]+@")


def scrubbed(value: Any) -> Any:
    """Return a scalar; its text without the login of an address and with mail addresses hashed."""
    if isinstance(value, (dict, list)):
        return None
    if not isinstance(value, str) or "@" not in value:
        return value
    return without_mail(NAME, LOGIN.sub("", value))


def environment(value: Any) -> str | None:
    """Return the name of an environment; what a branch gave it is hashed."""
    return shown_environment(NAME, scrubbed(value))


def approver(value: Any) -> str | None:
    """Return who approved as a keyed hash."""
    is_word = isinstance(value, (str, int)) and not isinstance(value, bool) and value != ""
    return person_key(NAME, str(value)) if is_word else None


def utc_text(value: Any) -> str | None:
    """Return a time of a payload as ISO text in UTC, whatever form it has."""
    found = None if isinstance(value, (dict, list, bool)) else moment(value)
    return found and found.astimezone(UTC).isoformat()


_REFERENCE = {"id": scrubbed, "source": scrubbed}

PAYLOAD = {
    **dict.fromkeys(
        (
            *("run_id", "task_id", "deployment_id", "incident_id", "pipeline", "name"),
            *("repository", "sha", "event", "attempt", "status", "result", "outcome"),
            *("service", "artifact_id", "parent_run_id", "severity"),
        ),
        scrubbed,
    ),
    "environment": environment,
    "approver": approver,
    **dict.fromkeys(("queued_at", "started_at", "finished_at"), utc_text),
}
"""What is loaded of an envelope's payload; branches, people, addresses and texts are not."""

CONTENT = {
    **dict.fromkeys(("pipelineName", "taskName", "outcome", "name", "artifactId"), scrubbed),
    **dict.fromkeys(("deployment_id", "sha"), scrubbed),
    "approver": approver,
    "pipelineRun": _REFERENCE,
    "environment": {**_REFERENCE, "id": environment},
    "service": _REFERENCE,
}
"""What is loaded of the content of a CDEvent's subject."""


class Rejected(Exception):
    """A line is not an event; the message says why and quotes nothing of it."""


def event_row(line: bytes) -> dict[str, Any]:
    """Return the raw row of an event.

    Raises:
        Rejected: The line is not an event.
    """
    try:
        event = decode(line)
    except (ValueError, msgspec.MsgspecError, RecursionError):
        raise Rejected("not JSON") from None
    if not isinstance(event, dict):
        raise Rejected("not an object")
    if event.get("specversion") and not isinstance(event.get("context"), dict):
        event = _unwrapped(event)
    context = event.get("context")
    row = _cdevent(event, context) if isinstance(context, dict) else _envelope(event)
    for name in ("source", "event_id", "type", "occurred_at"):
        if row[name] in (None, ""):
            raise Rejected(f"no {name}")
    return row


def _unwrapped(event: dict[str, Any]) -> dict[str, Any]:
    """Return what a CloudEvent brings: the event in its data, or an envelope of it and its data."""
    data = event.get("data")
    if "data_base64" in event or isinstance(data, str):
        try:
            data = decode(base64.b64decode(event["data_base64"]) if data is None else data.encode())
        except (ValueError, TypeError, msgspec.MsgspecError, RecursionError):
            raise Rejected("data is not JSON") from None
    if isinstance(data, dict) and isinstance(data.get("context"), dict):
        return data
    if isinstance(data, dict) and data.get("event_id"):
        return data
    return {
        "source": event.get("source"),
        "event_id": event.get("id"),
        "type": event.get("type"),
        "occurred_at": event.get("time"),
        "subject": event.get("subject"),
        "payload": data,
    }


def _envelope(event: dict[str, Any]) -> dict[str, Any]:
    kind, _ = _kind(event.get("type"))
    subject = event.get("subject")
    is_known = bool(KNOWN_TYPES.fullmatch(kind or ""))
    return {
        "source": _word(event.get("source")),
        "event_id": _word(event.get("event_id")),
        "type": kind,
        "version": _word(event.get("schema_version")) or "",
        "subject_id": _word(subject.get("id") if isinstance(subject, dict) else subject),
        "occurred_at": moment(event.get("occurred_at")),
        "received_at": moment(event.get("received_at")),
        "payload": (pick(event.get("payload"), PAYLOAD) or {}) if is_known else {},
    }


def _cdevent(event: dict[str, Any], context: dict[str, Any]) -> dict[str, Any]:
    kind, version = _kind(context.get("type"))
    subject = event.get("subject") if isinstance(event.get("subject"), dict) else {}
    is_known = bool(KNOWN_TYPES.fullmatch(kind or ""))
    return {
        "source": _word(context.get("source")),
        "event_id": _word(context.get("id")),
        "type": kind,
        "version": _word(context.get("specversion") or context.get("version")) or version or "",
        "subject_id": _word(subject.get("id")),
        "occurred_at": moment(context.get("timestamp")),
        "received_at": None,
        "payload": {"content": pick(subject.get("content"), CONTENT) or {}} if is_known else {},
    }


def _kind(name: Any) -> tuple[str | None, str | None]:
    """Return the type without its namespace and version, and the version."""
    found = CDEVENT.fullmatch(name.strip().lower()) if isinstance(name, str) else None
    if found:
        return found[1], found[2]
    return (_word(name) or "")[:200] or None, None


def _word(value: Any) -> str | None:
    is_word = value is not None and not isinstance(value, (dict, list, bool))
    return str(scrubbed(value)) if is_word else None


def moment(value: Any) -> datetime | None:
    """Return a time: ISO text, or seconds, milli-, micro- or nanoseconds as number or text."""
    text = str(value).strip() if value is not None else ""
    if re.fullmatch(r"\d{9,19}(\.\d+)?", text):
        integral = text.partition(".")[0]
        digits = len(integral)
        scale = 0 if digits <= 11 else 3 if digits <= 14 else 6 if digits <= 17 else 9
        try:
            return datetime.fromtimestamp(float(text) / 10**scale, UTC)
        except (ValueError, OverflowError):
            return None
    return instant(value if isinstance(value, str) else None)

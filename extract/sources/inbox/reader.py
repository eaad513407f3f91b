"""A drop folder of JSON Lines: webhooks, CDEvents, and events of CI and deployment tools.

Setting: SOURCES__INBOX__PATH, the folder. Whoever writes there writes `<name>.tmp` and renames it
to `<name>.jsonl` when it is whole; files are read in any depth below the folder and never removed
by us. One line is one event: an envelope {schema_version, event_id, source, type, occurred_at,
received_at, subject, payload}, a CDEvent {context, subject}, or a CloudEvent whose `data` is a
CDEvent or an envelope's payload.

An event is known by its source and id, so the same event in two files is one row. A file is known
by the hash of its content, so a file that was read is passed over, whatever it is called. A line
that cannot be read is noted with its number and the reason, never with its content. Types that we
do not know are kept without their payload, and counted; so are those that no model reads.
"""

import base64
import hashlib
import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import dlt
import msgspec
from dlt.common.configuration import configspec
from dlt.sources import DltSource

from extract import warehouse
from extract.privacy import person_key, pick, shown_environment
from extract.probes import Probe
from extract.run import LoadRun
from extract.settings import setting_name
from extract.source import Source, SourceSettings
from extract.tables import BIGINT, TEXT, TIMESTAMP, Batch, RawTable, decode, instant, resource

NAME = "inbox"

EVENTS = RawTable(
    "events",
    "SOURCES__INBOX__PATH/**/*.jsonl",
    ("source", "event_id"),
    {
        "source": TEXT,
        "event_id": TEXT,
        "type": TEXT,
        "version": TEXT,
        "subject_id": TEXT,
        "occurred_at": TIMESTAMP,
        "received_at": TIMESTAMP,
    },
)
FILES = RawTable(
    "files",
    "SOURCES__INBOX__PATH/**/*.jsonl",
    ("sha256",),
    {"sha256": TEXT, "bytes": BIGINT, "lines": BIGINT, "rejected": BIGINT},
)
QUARANTINES = RawTable(
    "quarantines",
    "SOURCES__INBOX__PATH/**/*.jsonl",
    ("sha256", "line_no"),
    {"sha256": TEXT, "line_no": BIGINT, "reason": TEXT},
)
TABLES = (EVENTS, FILES, QUARANTINES)

LINES_PER_BATCH = 5_000
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
MAIL = re.compile(r"[\w.+-]+@[\w.-]+\.[A-Za-z]{2,}")
LOGIN = re.compile(r"(?<=://)[^/@\s]+@")


def scrubbed(value: Any) -> Any:
    """Return a scalar; its text without the login of an address and with mail addresses hashed."""
    if isinstance(value, (dict, list)):
        return None
    if not isinstance(value, str) or "@" not in value:
        return value
    return MAIL.sub(lambda mail: person_key(NAME, mail[0]), LOGIN.sub("", value))


def environment(value: Any) -> str | None:
    """Return the name of an environment; what a branch gave it is hashed."""
    return shown_environment(NAME, scrubbed(value))


def approver(value: Any) -> str | None:
    """Return who approved as a keyed hash."""
    is_word = isinstance(value, (str, int)) and not isinstance(value, bool) and value != ""
    return person_key(NAME, str(value)) if is_word else None


def told_time(value: Any) -> str | None:
    """Return a time of a payload as ISO text in UTC, in whichever form it was told."""
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
    **dict.fromkeys(("queued_at", "started_at", "finished_at"), told_time),
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


@configspec
class InboxSettings(SourceSettings):
    """The settings of the source."""

    SOURCE: ClassVar[str] = NAME

    path: str = None  # type: ignore[assignment]

    def complete(self) -> list[str]:
        """Look at the folder."""
        if Path(self.path).is_dir():
            return []
        return [f"{setting_name(NAME, 'path')} is no folder that can be read"]


def check(config: InboxSettings) -> None:
    """Ask for nothing: the settings have looked at the folder."""


def probes(config: InboxSettings) -> Iterator[Probe]:
    """Count the files; `flowhouse doctor` prints it."""
    files = [path for path in Path(config.path).rglob("*.jsonl") if path.is_file()]
    hidden = sum(not os.access(path, os.R_OK) for path in files)
    yield Probe(not hidden, f"files: {len(files):,}, {hidden:,} of them not readable")


class _Rejected(Exception):
    """A line is no event; the message says why and holds nothing of it."""


def event_row(line: bytes) -> dict[str, Any]:
    """Return the raw row of an event.

    Raises:
        _Rejected: The line is no event.
    """
    try:
        event = decode(line)
    except (ValueError, msgspec.MsgspecError, RecursionError):
        raise _Rejected("not JSON") from None
    if not isinstance(event, dict):
        raise _Rejected("not an object")
    if event.get("specversion") and not isinstance(event.get("context"), dict):
        event = _unwrapped(event)
    context = event.get("context")
    row = _cdevent(event, context) if isinstance(context, dict) else _envelope(event)
    for name in ("source", "event_id", "type", "occurred_at"):
        if row[name] in (None, ""):
            raise _Rejected(f"no {name}")
    return row


def _unwrapped(event: dict[str, Any]) -> dict[str, Any]:
    """Return what a CloudEvent brings: the event in its data, or an envelope of it and its data."""
    data = event.get("data")
    if "data_base64" in event or isinstance(data, str):
        try:
            data = decode(base64.b64decode(event["data_base64"]) if data is None else data.encode())
        except (ValueError, TypeError, msgspec.MsgspecError, RecursionError):
            raise _Rejected("data is not JSON") from None
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
        whole = text.partition(".")[0]
        digits = len(whole)
        scale = 0 if digits <= 11 else 3 if digits <= 14 else 6 if digits <= 17 else 9
        try:
            return datetime.fromtimestamp(float(text) / 10**scale, UTC)
        except (ValueError, OverflowError):
            return None
    return instant(value if isinstance(value, str) else None)


@dataclass
class Reader:
    """Reads the files that were not read before."""

    run: LoadRun
    folder: Path

    def events(self) -> Iterator[Batch]:
        """Yield the events of all new files."""
        known = {
            sha
            for (sha,) in warehouse.rows(
                NAME, f"select sha256 from {NAME}.files where {warehouse.is_whole(NAME)}"
            )
        }
        files, faults, odd = [], [], Counter[str]()
        extracted = 0
        for path in sorted(self.folder.rglob("*.jsonl")):
            if not path.is_file():
                continue
            content = path.read_bytes()
            sha = hashlib.sha256(content).hexdigest()
            if sha in known:
                continue
            known.add(sha)
            rows: dict[tuple[str, str], dict[str, Any]] = {}
            lines = rejected = 0
            for line_no, line in enumerate(content.splitlines(), 1):
                if not line.strip():
                    continue
                lines += 1
                try:
                    row = event_row(line)
                except _Rejected as reason:
                    rejected += 1
                    faults.append(
                        {"sha256": sha, "line_no": line_no, "reason": str(reason), "payload": {}}
                    )
                    continue
                if not KNOWN_TYPES.fullmatch(row["type"]):
                    odd["of unknown types"] += 1
                if UNUSED_TYPES.fullmatch(row["type"]):
                    odd[f"of {row['type']}, which are kept and not used"] += 1
                if row["version"] not in KNOWN_VERSIONS and not row["version"].startswith("0."):
                    odd["of unknown versions"] += 1
                rows[row["source"], row["event_id"]] = row
                if len(rows) >= LINES_PER_BATCH:
                    yield EVENTS, EVENTS.batch(rows.values())
                    extracted += len(rows)
                    rows = {}
            if rows:
                yield EVENTS, EVENTS.batch(rows.values())
            extracted += len(rows)
            files.append(
                {
                    "sha256": sha,
                    "bytes": len(content),
                    "lines": lines,
                    "rejected": rejected,
                    "payload": {},
                }
            )
        yield FILES, FILES.batch(files)
        yield QUARANTINES, QUARANTINES.batch(faults)
        words = [f"{count:,} events {what}" for what, count in sorted(odd.items())]
        if faults:
            words.append(f"{len(faults):,} lines are no events, see inbox.quarantines")
        self.run.audit(
            "events",
            api_count=extracted + len(faults),
            extracted=extracted,
            rejected=len(faults),
            status="incomplete" if faults else "complete",
            message="; ".join(words),
        )
        self.run.audit("files", extracted=len(files))


def build(run: LoadRun, config: InboxSettings) -> DltSource:
    """Return the source with the events of every file that was not read before."""
    reader = Reader(run, Path(config.path))

    @dlt.source(name=NAME, max_table_nesting=0)
    def inbox() -> Iterator[Any]:
        yield resource(EVENTS.name, TABLES, reader.events)

    return inbox()


SOURCE = Source(NAME, "Inbox", TABLES, InboxSettings, check, build, probes)

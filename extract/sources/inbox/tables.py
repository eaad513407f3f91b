"""The raw tables of the inbox."""

from extract.tables import BIGINT, TEXT, TIMESTAMP, RawTable

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

"""A drop folder of JSON Lines: webhooks, CDEvents, and events of CI and deployment tools.

Setting: SOURCES__INBOX__PATH, the folder. Whoever writes there writes `<name>.tmp` and renames it
to `<name>.jsonl` when it is complete; files are read in any depth below the folder and never
removed by us. One line is one event: an envelope {schema_version, event_id, source, type,
occurred_at, received_at, subject, payload}, a CDEvent {context, subject}, or a CloudEvent whose
`data` is a CDEvent or an envelope's payload.

An event is known by its source and id, so the same event in two files is one row. A file is known
by the hash of its content, so a file that was read is passed over, whatever it is called. A line
that cannot be read is noted with its number and the reason, never with its content.
"""

from extract.source import Source
from extract.sources.inbox.client import check
from extract.sources.inbox.probes import doctor_probes
from extract.sources.inbox.reader import build
from extract.sources.inbox.settings import InboxSettings
from extract.sources.inbox.tables import NAME, TABLES

SOURCE = Source(NAME, "Inbox", TABLES, InboxSettings, check, build, doctor_probes)

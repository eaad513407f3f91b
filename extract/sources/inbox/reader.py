"""The files of the drop folder that were not read before."""

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dlt
from dlt.sources import DltSource

from extract import raw_store
from extract.run import LoadRun
from extract.sources.inbox.client import files
from extract.sources.inbox.rows import (
    KNOWN_TYPES,
    KNOWN_VERSIONS,
    UNUSED_TYPES,
    Rejected,
    event_row,
)
from extract.sources.inbox.settings import InboxSettings
from extract.sources.inbox.tables import EVENTS, FILES, NAME, QUARANTINES, TABLES
from extract.tables import Batch, resource

LINES_PER_BATCH = 5_000


@dataclass
class Reader:
    """Reads the files that were not read before."""

    run: LoadRun
    folder: Path

    def events(self) -> Iterator[Batch]:
        """Yield the events of all new files."""
        known = {
            sha
            for (sha,) in raw_store.rows(
                NAME, f"select sha256 from {NAME}.files where {raw_store.committed(NAME)}"
            )
        }
        read, faults, odd = [], [], Counter[str]()
        extracted = 0
        for path in files(self.folder):
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
                except Rejected as reason:
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
            read.append(
                {
                    "sha256": sha,
                    "bytes": len(content),
                    "lines": lines,
                    "rejected": rejected,
                    "payload": {},
                }
            )
        yield FILES, FILES.batch(read)
        yield QUARANTINES, QUARANTINES.batch(faults)
        words = [f"{count:,} events {what}" for what, count in sorted(odd.items())]
        if faults:
            words.append(f"{len(faults):,} lines are not events, see inbox.quarantines")
        self.run.audit(
            "events",
            api_count=extracted + len(faults),
            extracted=extracted,
            rejected=len(faults),
            status="incomplete" if faults else "complete",
            message="; ".join(words),
        )
        self.run.audit("files", extracted=len(read))


def build(run: LoadRun, config: InboxSettings) -> DltSource:
    """Return the source with the events of every file that was not read before."""
    reader = Reader(run, Path(config.path))

    @dlt.source(name=NAME, max_table_nesting=0)
    def inbox() -> Iterator[Any]:
        yield resource(EVENTS.name, TABLES, reader.events)

    return inbox()

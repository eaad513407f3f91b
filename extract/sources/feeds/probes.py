"""What `flowhouse doctor` asks of the feeds."""

from collections.abc import Iterator
from pathlib import Path

from extract.probes import Probe
from extract.sources.feeds.client import Unreadable
from extract.sources.feeds.reader import found_in, read
from extract.sources.feeds.rows import FEEDS
from extract.sources.feeds.settings import FeedsSettings


def doctor_probes(config: FeedsSettings) -> Iterator[Probe]:
    """Hold every file against its contract; name the first line that breaks it."""
    found, strangers = found_in(Path(config.folder))
    for line in strangers:
        yield Probe(False, line)
    for name, path in found.items():
        try:
            file = read(FEEDS[name], path)
        except Unreadable as fault:
            yield Probe(False, f"{path.name} {fault}")
            continue
        said = f"{path.name}: {file.lines:,} lines"
        for line_no, reason in file.faults[:1]:
            said += f", {len(file.faults):,} not as they should be, first line {line_no}: {reason}"
        yield Probe(not file.faults, said)
    if not found and not strangers:
        yield Probe(True, "no file yet")

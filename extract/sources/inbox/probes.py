"""What `flowhouse doctor` asks of the drop folder."""

import os
from collections.abc import Iterator
from pathlib import Path

from extract.probes import Probe
from extract.sources.inbox.client import files
from extract.sources.inbox.settings import InboxSettings


def doctor_probes(config: InboxSettings) -> Iterator[Probe]:
    """Count the files; `flowhouse doctor` prints it."""
    found = files(Path(config.path))
    hidden = sum(not os.access(path, os.R_OK) for path in found)
    yield Probe(not hidden, f"files: {len(found):,}, {hidden:,} of them not readable")

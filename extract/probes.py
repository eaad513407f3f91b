"""What `flowhouse doctor` asks of a source: read-only, one answer a line."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import ModuleType

from extract.api import SourceError
from extract.privacy import DEMO_KEY
from extract.settings import SettingFault
from extract.warehouse import home

MOST_SKEW = timedelta(minutes=5)


@dataclass(frozen=True)
class Probe:
    """One answer: whether all is well, and one line for people without a secret or a name."""

    is_well: bool
    line: str


def clock(server_time: datetime) -> Probe:
    """Compare a server's clock with ours; windows follow the server's, so a skew loses nothing."""
    skew = abs(server_time - datetime.now(UTC))
    return Probe(skew <= MOST_SKEW, f"clock: the server's is {skew.total_seconds():.0f} s off ours")


def of_house() -> Iterator[Probe]:
    """Probe what all sources share."""
    key = os.environ.get("FLOWHOUSE_PSEUDONYM_KEY") or DEMO_KEY
    is_own = key != DEMO_KEY and len(key) >= 16
    yield Probe(
        is_own,
        "FLOWHOUSE_PSEUDONYM_KEY is set"
        if is_own
        else "FLOWHOUSE_PSEUDONYM_KEY is not set, the demo's, or shorter than 16 characters: "
        "choose a long random text of your own before the first load",
    )
    folder = home()
    while not folder.exists():
        folder = folder.parent
    is_writable = os.access(folder, os.W_OK)
    yield Probe(is_writable, f"FLOWHOUSE_HOME is {'' if is_writable else 'not '}writable")


def of_source(module: ModuleType) -> Iterator[Probe]:
    """Probe one source: its settings and credentials, then what its module asks by itself."""
    try:
        module.check()
        yield Probe(True, "settings and credentials are good")
        if hasattr(module, "probes"):
            yield from module.probes()
    except (SettingFault, SourceError) as fault:
        for line in str(fault).splitlines():
            yield Probe(False, line)

"""What `flowhouse doctor` asks of a source: read-only, one answer a line."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from extract.api import Reply, SourceError, understood
from extract.privacy import DEMO_KEY
from extract.raw_store import fault_of_home
from extract.run import LoadRun
from extract.settings import SettingFault

if TYPE_CHECKING:
    from extract.source import Source

MOST_SKEW = timedelta(minutes=5)

MOST_PROBED = 20
"""Scopes of a source that are asked for their counts; of more than these only the first."""

NOT_READABLE = (403, 404, 410)
"""Answers that say that a place is not for this user, or not there."""


@dataclass(frozen=True)
class Probe:
    """One answer: whether all is well, and one line for people without a secret or a name."""

    is_well: bool
    line: str


def clock(server_time: datetime) -> Probe:
    """Compare a server's clock with ours; windows follow the server's, so a skew loses nothing."""
    skew = abs(server_time - datetime.now(UTC))
    return Probe(skew <= MOST_SKEW, f"clock: the server's is {skew.total_seconds():.0f} s off ours")


def scopes(what: str, found: int, run: LoadRun) -> Iterator[Probe]:
    """Say how many scopes a source shows, and which of the configured ones it does not."""
    yield from (Probe(False, audit.message) for audit in run.audits)
    yield Probe(bool(found), f"{what}: {found:,} visible")
    if found > MOST_PROBED:
        yield Probe(True, f"{what}: the first {MOST_PROBED} of them are looked into")


def counts(scope: str, answers: Iterable[tuple[str, Reply, str]]) -> Probe:
    """Say how many rows each listing of a scope has, or that it is not readable.

    Args:
        scope: Name of the scope.
        answers: What is listed, the answer, and how many there are, in words.
    """
    parts, is_well = [], True
    for what, reply, count in answers:
        is_readable = reply.status not in NOT_READABLE
        is_well = is_well and is_readable
        parts.append(f"{count} {what}" if is_readable else f"{what} not readable ({reply.status})")
    return Probe(is_well, f"{scope}: {', '.join(parts)}")


def of_flowhouse() -> Iterator[Probe]:
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
    fault = fault_of_home()
    yield Probe(fault is None, fault or "FLOWHOUSE_HOME is writable")


def of_source(source: "Source[Any]") -> Iterator[Probe]:
    """Probe one source: its settings and credentials, then what its package asks by itself."""
    try:
        with understood(source.name):
            settings = source.checked_settings()
            yield Probe(True, "settings and credentials are good")
            yield from source.probes(settings)
    except (SettingFault, SourceError) as fault:
        for line in str(fault).splitlines():
            yield Probe(False, line)

"""What the readers of the objects share: bounds, what is stored, and notes in audits."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any, TypeVar

from extract import raw_store
from extract.run import Audit
from extract.sources.github.tables import NAME
from extract.tables import instant

PULL_OVERLAP = timedelta(hours=1)

SAFETY_LAG = timedelta(minutes=2)

CHUNK = 100

MOST_IN_WINDOW = 5_000

Item = TypeVar("Item")


def stored_rows(sql: str, *values: Any) -> list[tuple]:
    """Ask the raw tables what they hold already."""
    return raw_store.rows(NAME, sql, *values)


def second_of(text: Any) -> int | None:
    """Return a time as seconds since 1970."""
    moment = instant(text)
    return int(moment.timestamp()) if moment else None


def note_fault(audit: Audit, message: str) -> None:
    """Note that an object was not read to its end."""
    audit.status = "incomplete"
    say(audit, message)


def say(audit: Audit, message: str) -> None:
    """Add to the message of an audit."""
    audit.message = "; ".join(filter(None, (audit.message, message)))


def chunks(items: Sequence[Item], size: int) -> Iterator[list[Item]]:
    """Yield pieces of at most `size` items."""
    for start in range(0, len(items), size):
        yield list(items[start : start + size])

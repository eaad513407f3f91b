"""Closed windows on the server's clock: [lo, hi), with overlap behind and a safety lag in front.

A watermark is never "the newest row seen": an index that shows a row late would lose it for good.
It is the end of a window that was read to its end, and it is committed with the load.
"""

from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)
SHORTEST = timedelta(minutes=10)


@dataclass(frozen=True)
class Window:
    """A half-open span of the server's time; `lo` None means from the beginning."""

    lo: datetime | None
    hi: datetime

    def contains(self, moment: datetime | None) -> bool:
        """Whether a moment lies in the window."""
        return moment is not None and (self.lo is None or self.lo <= moment) and moment < self.hi


_span: ContextVar[Window | None] = ContextVar("span", default=None)


@contextmanager
def backfill(span: Window | None) -> Iterator[None]:
    """Let every window that is asked for lie in a span; its marks are kept apart.

    A span that was read halfway goes on where it stopped; the watermarks of the daily loads stay.
    """
    token = _span.set(span)
    try:
        yield
    finally:
        _span.reset(token)


def is_backfill() -> bool:
    """Whether a span is read again, and not what changed."""
    return _span.get() is not None


def _marks() -> str:
    """Return under which name the state keeps the ends of the windows that were read."""
    span = _span.get()
    return f"backfill {span.lo} {span.hi}" if span else "watermarks"


def forget_backfills(state: MutableMapping) -> None:
    """Drop the marks of all backfills of a source, so that the next one begins anew."""
    for resource in state.get("resources", {}).values():
        for name in [name for name in resource if name.startswith("backfill ")]:
            del resource[name]


def next_window(
    state: MutableMapping,
    scope: str,
    server_now: datetime,
    *,
    overlap: timedelta,
    safety_lag: timedelta,
    start: datetime | None = None,
    full: bool = False,
) -> Window:
    """Return the window to read next for a scope.

    Args:
        state: State of the dlt resource; holds the watermarks.
        scope: The part of the source that has a watermark of its own.
        server_now: Time by the server's clock.
        overlap: How far the window reaches back behind the last one.
        safety_lag: How far it stays behind the server's clock, for indexes that lag.
        start: Where the first window begins; None reads everything.
        full: Read from the start again.
    """
    mark, span = state.get(_marks(), {}).get(scope), _span.get()
    if span:
        lo = span.lo if mark is None else datetime.fromisoformat(mark)
        return Window(lo, min(span.hi, server_now - safety_lag))
    lo = start if full or mark is None else datetime.fromisoformat(mark) - overlap
    return Window(lo, server_now - safety_lag)


def close_window(state: MutableMapping, scope: str, window: Window) -> None:
    """Move the watermark of a scope to the end of a window that was read completely."""
    state.setdefault(_marks(), {})[scope] = window.hi.isoformat()


def shortened(window: Window, count: Callable[[Window], int], most: int) -> tuple[Window, int]:
    """Halve a window from behind until the source counts at most `most` rows in it.

    Rows that share one moment cannot be parted, so a window of ten minutes is taken as it is.

    Returns:
        The window and its count.
    """
    lo = window.lo or BEGINNING
    rows = count(window)
    while rows > most and window.hi - lo > SHORTEST:
        window = Window(window.lo, lo + (window.hi - lo) / 2)
        rows = count(window)
    return window, rows

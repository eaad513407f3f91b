"""Closed windows on the server's clock: [lo, hi), with overlap behind and a safety lag in front.

A watermark is never "the newest row seen": an index that shows a row late would lose it for good.
It is the end of a window that was read to its end, and it is committed with the load.
"""

from collections.abc import Callable, MutableMapping
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


def _marks(span: Window | None) -> str:
    """Return under which name the state keeps the ends of the windows that were read."""
    return f"backfill {span.lo} {span.hi}" if span else "watermarks"


def forget_backfills(state: MutableMapping) -> None:
    """Drop the marks of all backfills of a source, so that the next one begins again."""
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
    span: Window | None = None,
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
        span: The span of a backfill. One that was stopped goes on where it was; its marks are kept
            apart, so that the watermarks of the daily loads stay.
    """
    mark = state.get(_marks(span), {}).get(scope)
    if span:
        lo = span.lo if mark is None else datetime.fromisoformat(mark)
        return Window(lo, min(span.hi, server_now - safety_lag))
    lo = start if full or mark is None else datetime.fromisoformat(mark) - overlap
    return Window(lo, server_now - safety_lag)


def close_window(
    state: MutableMapping, scope: str, window: Window, span: Window | None = None
) -> None:
    """Move the watermark of a scope, or its mark of a backfill, to the end of a window."""
    state.setdefault(_marks(span), {})[scope] = window.hi.isoformat()


def bisect_window(window: Window, count: Callable[[Window], int], most: int) -> tuple[Window, int]:
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

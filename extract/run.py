"""One run of a load: what it is asked to do, and what it notes of every object that it reads."""

import logging
import time
from collections.abc import Iterable, MutableMapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from extract.windows import Window, close_window, next_window

log = logging.getLogger("flowhouse.extract")

STATUSES = ("complete", "partial", "incomplete", "failed")
"""How a load of an object can end, from good to bad."""


@dataclass
class Audit:
    """What one load did for one object (raw table) in one scope.

    `extracted` are the distinct rows that the source gave or listed, `loaded` those that were
    written (None: all; rows that did not change since they were loaded are not written again).
    `status` is complete, incomplete (fewer rows than the source counts), partial (stopped by the
    run budget) or failed. `api_count` is None where the source does not count.
    """

    source: str
    object: str
    scope: str = ""
    window_from: datetime | None = None
    window_to: datetime | None = None
    api_count: int | None = None
    extracted: int = 0
    loaded: int | None = None
    rejected: int = 0
    deleted: int = 0
    acl_gap: int = 0
    status: str = "complete"
    message: str = ""
    finished_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def written(self) -> int:
        """How many rows were written."""
        return self.extracted if self.loaded is None else self.loaded


@dataclass
class LoadRun:
    """One load of one source: what is asked for, and what is done so far.

    Sources call `audit` once per object, scope and window, `progress` while they page, and set
    `more` when another window is left to read after this one is committed.

    Attributes:
        source: Name of the source.
        refresh_id: What the audits are marked with.
        full: Read everything again; it holds for the first window only.
        span: The span that is read again, of a backfill.
        start: Where the first load of the source begins; None reads everything.
        server_now: The time by the source's clock when the window began.
        more: Whether another window is left to read.
        windows: How many windows are committed. Dimensions are read in the first one only.
        audits: What was noted of each object and scope.
        rows: How many rows were loaded, by table.
        kept: What the source read in one window and needs in the next.
    """

    source: str
    refresh_id: str
    full: bool = False
    span: Window | None = None
    start: datetime | None = None
    server_now: datetime = field(default_factory=lambda: datetime.now(UTC))
    more: bool = False
    windows: int = 0
    audits: list[Audit] = field(default_factory=list)
    rows: dict[str, int] = field(default_factory=dict)
    kept: dict[Any, Any] = field(default_factory=dict)
    _last_shown: float = field(default_factory=time.monotonic)

    @property
    def is_backfill(self) -> bool:
        """Whether a span is read again, and not what changed."""
        return self.span is not None

    @property
    def is_full_read(self) -> bool:
        """Whether rows are read again although they are loaded as they are."""
        return self.full or self.is_backfill

    def next_window(
        self, state: MutableMapping, scope: str, *, overlap: timedelta, safety_lag: timedelta
    ) -> Window:
        """Return the window to read next for a scope; see `windows.next_window`.

        A window that goes on where the last one of this run ended needs no overlap.
        """
        return next_window(
            state,
            scope,
            self.server_now,
            overlap=timedelta(0) if self.windows else overlap,
            safety_lag=safety_lag,
            start=self.start,
            full=self.full and not self.windows,
            span=self.span,
        )

    def close_window(self, state: MutableMapping, scope: str, window: Window) -> None:
        """Note that a window was read to its end; the mark is committed with its rows."""
        close_window(state, scope, window, self.span)

    def audit(self, object: str, **facts: Any) -> Audit:
        """Note what was read of an object; see `Audit` for the facts.

        The note is returned, so that a table that is fed piece by piece can go on counting.
        """
        audit = Audit(self.source, object, **facts)
        self.audits.append(audit)
        return audit

    def progress(self, object: str, done: int, total: int | None, began: float) -> None:
        """Log how far a long listing is, at most every two seconds."""
        now = time.monotonic()
        if now - self._last_shown < 2:
            return
        self._last_shown = now
        rate = done / max(now - began, 0.001)
        left = (
            ""
            if not total
            else f" of {total:,}, {max(total - done, 0) / max(rate, 0.1):.0f} s left"
        )
        log.info("%s: %s %s rows%s (%.0f/s)", self.source, object, f"{done:,}", left, rate)


def merged(audits: Iterable[Audit]) -> list[Audit]:
    """Return one audit per object and scope: the windows of one load together."""
    by_object: dict[tuple[str, str], Audit] = {}
    for audit in audits:
        known = by_object.get((audit.object, audit.scope))
        if known is None:
            by_object[audit.object, audit.scope] = replace(audit)
            continue
        known.window_to, known.finished_at = audit.window_to or known.window_to, audit.finished_at
        if known.api_count is not None and audit.api_count is not None:
            known.api_count += audit.api_count
        if known.loaded is not None or audit.loaded is not None:
            known.loaded = known.written + audit.written
        known.extracted += audit.extracted
        known.rejected += audit.rejected
        known.deleted += audit.deleted
        known.acl_gap += audit.acl_gap
        known.status = max(known.status, audit.status, key=STATUSES.index)
        known.message = "; ".join(dict.fromkeys(filter(None, (known.message, audit.message))))
    return list(by_object.values())

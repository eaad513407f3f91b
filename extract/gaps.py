"""History that a source has deleted: the spans of time that cannot be read any more.

Tools delete old runs, pipelines and builds. What was loaded stays; what was deleted before the
first load, or while no load ran, is unknown, which is not zero. The raw table `history_gaps` has a
row for each such span, and one for the beginning of every scope, without an end where everything is
known: later loads see less than the first one did, and nothing that was loaded is lost.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from extract import raw_store
from extract.tables import TEXT, TIMESTAMP, RawTable

FOREVER = timedelta.max
"""The retention of a source that deletes nothing."""

DELETED_WITHIN = timedelta(days=2)
"""How late a source may be to delete what it keeps no longer."""

BEGINNING = "beginning"
START_DATE, RETENTION, OLDEST_SHOWN, PAUSE = "start_date", "retention", "oldest_shown", "pause"
"""Why nothing is known: it was not asked for, it is deleted after a time that the source tells, it
may have been there before the oldest row that the source showed, no load ran until it was gone."""


Row = dict[str, Any]
Known = dict[tuple[str, str], tuple[str | None, datetime | None]]
"""Reason and end of stored gaps, by scope and gap."""


def history_gaps(endpoint: str) -> RawTable:
    """Return the raw table of a source's gaps: one row per object, scope and gap."""
    return RawTable(
        "history_gaps",
        endpoint,
        ("object", "scope", "gap"),
        {
            "object": TEXT,
            "scope": TEXT,
            "gap": TEXT,
            "reason": TEXT,
            "gap_from": TIMESTAMP,
            "gap_to": TIMESTAMP,
        },
    )


def known_gaps(source: str, table: RawTable) -> Known:
    """Return what is stored of the gaps of an object."""
    stored = raw_store.rows(
        source,
        f"select scope, gap, reason, epoch_us(gap_to) from {source}.history_gaps"
        " where object = $object",
        object=table.name,
    )
    return {(scope, gap): (reason, moment(ends)) for scope, gap, reason, ends in stored}


@dataclass
class History:
    """How much of an object of one scope a source shows to a load, window by window.

    Args:
        read_to: Until when loads had read before this one; None where this is the first.
        start: The start date of the settings.
        oldest: The oldest that is shown.
        born: Since when there can have been any; None where nobody tells.
        keeps: For how long the source keeps them; None where it does not tell.
        keeps_at_most: For how long it can keep them at most, where it does not tell.
    """

    read_to: datetime | None
    start: datetime | None
    oldest: datetime | None = None
    born: datetime | None = None
    keeps: timedelta | None = None
    keeps_at_most: timedelta = FOREVER

    def note(self, made: Iterable[datetime | None]) -> None:
        """Note when the rows were made that the source shows."""
        self.oldest = min(filter(None, (self.oldest, *made)), default=None)

    def gaps(
        self,
        table: RawTable,
        scope: str,
        now: datetime,
        known: Known,
        stored: datetime | None,
    ) -> list[Row]:
        """Return the rows of the gaps that are not stored as they are, once all is read.

        Args:
            table: The raw table whose rows may be missing.
            scope: The part of the source that they are of.
            now: The server's time.
            known: The gaps that are stored of this object, see `known_gaps`.
            stored: When the oldest row was made that is stored.
        """
        pause = self._pause(now)
        self.note([stored])
        beginning = known.get((scope, BEGINNING))
        rows = (self._moved_back(*beginning) if beginning else self._beginning(now), pause)
        facts = {"object": table.name, "scope": scope, "payload": {}}
        return [{**facts, **row} for row in rows if row]

    def _beginning(self, now: datetime) -> Row | None:
        """Return the gap before everything that the first load could see."""
        ends, reason = self.oldest, START_DATE if self.start else OLDEST_SHOWN
        if ends is None and self.keeps is None:
            return None  # nothing was ever shown, and nobody says what would be
        if self.keeps is not None:
            kept_from = _kept_from(now, self.keeps)
            ends = max(filter(None, (kept_from, self.start)), default=None)
            reason = RETENTION if ends == kept_from else START_DATE
            ends = ends and min(ends, self.oldest or ends)
        if ends is None or (self.born and ends <= self.born):
            return _row(BEGINNING)
        return _row(BEGINNING, reason, self.born, ends)

    def _moved_back(self, reason: str | None, ends: datetime | None) -> Row | None:
        """Return the gap as a backfill left it: what is deleted comes back by nothing else."""
        if ends is None or self.oldest is None or self.oldest >= ends:
            return None
        return _row(BEGINNING, reason, self.born, self.oldest)

    def _pause(self, now: datetime) -> Row | None:
        """Return the gap between the last load and what was left when this one began.

        What is deleted goes in order of age: who shows what was made before, has it all. So has who
        shows what would have been deleted long ago.
        """
        kept_from = _kept_from(now, self.keeps_at_most if self.keeps is None else self.keeps)
        if self.read_to is None or kept_from is None or kept_from <= self.read_to:
            return None
        if self.oldest and self.oldest < kept_from - DELETED_WITHIN:
            return None
        ends = min(filter(None, (self.oldest, now if self.keeps is None else kept_from)))
        gap = self.read_to.isoformat()
        return _row(gap, PAUSE, self.read_to, ends) if ends > self.read_to else None


def _kept_from(now: datetime, keeps: timedelta) -> datetime | None:
    return None if keeps == FOREVER else now - keeps


def _row(
    gap: str,
    reason: str | None = None,
    gap_from: datetime | None = None,
    gap_to: datetime | None = None,
) -> Row:
    return {"gap": gap, "reason": reason, "gap_from": gap_from, "gap_to": gap_to}


def moment(microseconds: int | None) -> datetime | None:
    """Return a time as DuckDB counts it; to hand over texts of times would cost pytz."""
    return None if microseconds is None else datetime.fromtimestamp(microseconds / 1e6, UTC)

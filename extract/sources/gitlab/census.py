"""The census of a project: what windows cannot see.

Rows without a date, outcomes that are dated back, and what vanished, which gets a tombstone.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from extract import raw_store
from extract.census import EVERY, PRESENT, Census
from extract.gaps import FOREVER, History
from extract.run import Audit
from extract.sources.gitlab.client import Listing, OffsetRefused, by_id
from extract.sources.gitlab.kinds import Kind
from extract.sources.gitlab.rows import Project, Row
from extract.sources.gitlab.tables import NAME, TOMBSTONES
from extract.tables import EARLIEST, Batch, instant
from extract.windows import Window

if TYPE_CHECKING:
    from extract.sources.gitlab.reader import Reader


@dataclass
class ProjectCensus:
    """Compares all that a project lists of a kind with what is loaded."""

    reader: "Reader"

    def taken(
        self,
        state: Any,
        kind: Kind,
        project: Project,
        census: Census,
        done: set[str],
        audits: Mapping[str, Audit],
        history: History,
    ) -> Iterator[Batch]:
        """Yield what a census of the project finds beside the windows, and its tombstones.

        What GitLab deletes because of its age is not missed.
        """
        listed = self._all(kind, project)
        history.note(instant(row.get("created_at")) for row in listed.values())
        if history.keeps not in (None, FOREVER):
            expired = max(self.reader.run.server_now - history.keeps, history.oldest or EARLIEST)
            for (row_id,) in raw_store.rows(
                NAME,
                f"select id from gitlab.{kind.table.name}"
                " where _scope = $scope and epoch_ms(created_at) < $expired",
                scope=project.path,
                expired=int(expired.timestamp() * 1000),
            ):
                if row_id not in listed:
                    census.known.pop(row_id, None)
        found = census.compare(
            {row_id: (kind.version(row), project.path) for row_id, row in listed.items()}
        )
        wanted = [listed[row_id] for row_id in found.wanted if row_id not in done]
        yield from self.reader.with_children(kind, project, wanted, audits)
        rows = self.reader.stored(kind, project, "true", done) if found.suspects else []
        rows = [row for row in rows if row["id"] in found.suspects]
        states = {200: PRESENT, 403: "no_access", 404: "deleted"}
        verdicts = {
            row_id: states[reply.status]
            for row_id, reply in self.reader.read_by_id(kind, project, rows).items()
        }
        marks = census.settle(found, verdicts, self.reader.run.server_now)
        if marks:
            yield TOMBSTONES, TOMBSTONES.mixed(marks)
        census.note(self.reader.run, found)
        census.close(state, self.reader.run.server_now)

    def _all(self, kind: Kind, project: Project) -> dict[str, Row]:
        """List everything; where that is longer than GitLab pages, window by window."""
        path = kind.path(project)
        found: dict[str, Row] = {}
        for part in kind.filters:
            order = {**part, "order_by": kind.order, "sort": "asc"}
            try:
                found |= by_id(Listing(self.reader.api, path, order).rows())
            except OffsetRefused:
                found |= self._by_windows(kind, project)
                break
        return {
            row_id: row
            for row_id, row in found.items()
            if self.reader.run.start is None
            or (_last(row) or self.reader.run.start) >= self.reader.run.start
        }

    def _by_windows(self, kind: Kind, project: Project) -> dict[str, Row]:
        found: dict[str, Row] = {}
        # What changes meanwhile moves to a later window.
        rest = Window(self.reader.run.start, self.reader.run.server_now + EVERY)
        while rest.lo is None or rest.lo < rest.hi:
            window, rows = self.reader.listed(kind, project, rest)
            found |= rows
            rest = Window(window.hi, rest.hi)
        return found


def _last(row: Row) -> datetime | None:
    return instant(row.get("updated_at")) or instant(row.get("created_at"))

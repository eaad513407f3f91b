"""The worklogs of issues: Jira has a feed of those that changed and one of those that are gone.

The feeds count in milliseconds since 1970, and so do the names that end in `_ms`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from extract import raw_store
from extract.api import ROWS, IncompleteRead
from extract.privacy import KEEP, pick
from extract.sources.jira.client import MOST_PAGES, chunks
from extract.sources.jira.shapes import person_of
from extract.sources.jira.tables import NAME, TOMBSTONES, WORKLOGS
from extract.tables import Batch, instant

if TYPE_CHECKING:
    from extract.sources.jira.reader import Reader


WORKLOGS_PER_REQUEST = 1_000

REREAD_MS = 24 * 60 * 60 * 1000
"""How far back the feed is read again where projects are chosen.

A worklog of an issue that is not loaded yet is left out: its issue may come with the next load.
"""


@dataclass
class Worklogs:
    """Reads worklogs, once the windows of issues are read."""

    reader: "Reader"

    def batches(self, state: Any) -> Iterator[Batch]:
        """Yield changed worklogs, and tombstones of deleted ones."""
        run, site = self.reader.run, self.reader.site
        loaded = dict(raw_store.rows(NAME, f"select id, epoch_ms(updated_at) from {NAME}.worklogs"))
        start_ms = int(run.start.timestamp() * 1000) if run.start else 0
        marks = state.setdefault("worklogs_since", {})
        has_projects = bool(self.reader.config.projects)
        since_ms = marks.get("updated", 0) - (REREAD_MS if has_projects else 0)
        updated, updated_until_ms = self._feed("updated", max(start_ms, since_ms))
        deleted, deleted_until_ms = self._feed("deleted", max(start_ms, marks.get("deleted", 0)))
        due = [key for key, at_ms in updated.items() if run.full or loaded.get(key) != at_ms]
        issues = self._loaded_issues() if has_projects else None
        known, count = set(loaded), 0
        for batch in chunks(due, WORKLOGS_PER_REQUEST):
            body = {"ids": [int(key) for key in batch]}
            rows = [
                row
                for worklog in site.api.post(f"{site.root}/worklog/list", body, type=ROWS).data
                if (row := _worklog_row(worklog)) and (issues is None or row["issue_id"] in issues)
            ]
            count += len(rows)
            known.update(row["id"] for row in rows)
            yield WORKLOGS, WORKLOGS.batch(rows)
        gone = [_tombstone(key, at_ms) for key, at_ms in deleted.items() if key in known]
        yield TOMBSTONES, TOMBSTONES.batch(gone)
        marks.update({"updated": updated_until_ms, "deleted": deleted_until_ms})
        run.audit("worklogs", extracted=len(updated), loaded=count, deleted=len(gone))

    def _feed(self, name: str, since_ms: int) -> tuple[dict[str, int], int]:
        """Read a feed to its end: when each worklog changed, by id, and until when the feed goes.

        A feed that this user may not see is empty.

        Raises:
            IncompleteRead: The pages of the feed do not come to an end.
        """
        site = self.reader.site
        path = f"{site.root}/worklog/{name}"
        found: dict[str, int] = {}
        for _ in range(MOST_PAGES):
            reply = site.optional("worklogs", path, {"since": since_ms})
            if reply is None:
                return found, since_ms
            page = reply.data
            found |= {str(row["worklogId"]): row["updatedTime"] for row in page.get("values") or []}
            until_ms = max(since_ms, page.get("until") or since_ms)
            if page.get("lastPage", True):
                return found, until_ms
            if until_ms == since_ms:
                raise IncompleteRead(f"jira: pagination loop, {path} repeats a moment")
            since_ms = until_ms
        raise IncompleteRead(f"jira: worklog/{name} does not end")

    def _loaded_issues(self) -> set[str]:
        """Return the ids of the issues that are loaded, by this load or before."""
        ids = {row_id for (row_id,) in raw_store.rows(NAME, f"select id from {NAME}.issues")}
        return ids | self.reader.issue_ids


def _tombstone(worklog_id: str, deleted_ms: int) -> dict[str, Any]:
    """Return the raw row of a deletion: the feed has its moment, so it was missed and gone then."""
    deleted_at = datetime.fromtimestamp(deleted_ms / 1000, UTC)
    return {
        "object": "worklogs",
        "id": worklog_id,
        "state": "deleted",
        "missed_at": deleted_at,
        "gone_at": deleted_at,
        "payload": {"object": "worklogs", "id": worklog_id, "state": "deleted"},
    }


def _worklog_row(worklog: Any) -> dict[str, Any] | None:
    """Return the raw row of a worklog: who, when, how long; its comment is not loaded."""
    if not isinstance(worklog, dict) or worklog.get("id") in (None, ""):
        return None
    return {
        "id": str(worklog["id"]),
        "issue_id": str(worklog.get("issueId") or ""),
        "started_at": instant(worklog.get("started")),
        "updated_at": instant(worklog.get("updated")),
        "time_spent_s": worklog.get("timeSpentSeconds"),
        "payload": {
            "id": str(worklog["id"]),
            "created": pick(worklog.get("created"), KEEP),
            "author": person_of(worklog.get("author")),
            "updateAuthor": person_of(worklog.get("updateAuthor")),
        },
    }

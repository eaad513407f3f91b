"""What comes beside issues: worklogs and sprints."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from extract import raw_store
from extract.api import ROWS, IncompleteRead
from extract.privacy import KEEP, pick
from extract.snapshots import changed
from extract.sources.jira.client import AGILE, MOST_PAGES, chunks
from extract.sources.jira.shapes import SPRINT, person_of
from extract.sources.jira.tables import NAME, SNAPSHOTS, SPRINTS, TOMBSTONES, WORKLOGS
from extract.tables import Batch, instant

if TYPE_CHECKING:
    from extract.sources.jira.reader import Reader


WORKLOGS_PER_REQUEST = 1_000


@dataclass
class Satellites:
    """Reads worklogs and sprints, once the windows of issues are read."""

    reader: "Reader"

    def worklogs(self, state: Any) -> Iterator[Batch]:
        """Yield changed worklogs, and tombstones of deleted ones."""
        api, root = self.reader.site.api, self.reader.site.root
        known = dict(raw_store.rows(NAME, f"select id, epoch_ms(updated_at) from {NAME}.worklogs"))
        first = int(self.reader.run.start.timestamp() * 1000) if self.reader.run.start else 0
        marks = state.setdefault("worklogs_since", {})
        # A worklog of an issue that we do not know yet is passed over, so a day is read again.
        back = int(timedelta(days=1 if self.reader.config.projects else 0).total_seconds() * 1000)
        changed, until = self._feed("updated", max(first, marks.get("updated", 0) - back))
        deleted, gone_until = self._feed("deleted", max(first, marks.get("deleted", 0)))
        is_full = self.reader.run.full
        wanted = [key for key, at in changed.items() if is_full or known.get(key) != at]
        issues = self._known_issues() if self.reader.config.projects else None
        count = 0
        for batch in chunks(wanted, WORKLOGS_PER_REQUEST):
            body = {"ids": [int(key) for key in batch]}
            rows = [
                row
                for worklog in api.post(f"{root}/worklog/list", body, type=ROWS).data
                if (row := _worklog(worklog)) and (issues is None or row["issue_id"] in issues)
            ]
            count += len(rows)
            known.update((row["id"], 0) for row in rows)
            yield WORKLOGS, WORKLOGS.batch(rows)
        gone = [
            {
                "object": "worklogs",
                "id": key,
                "state": "deleted",
                "missed_at": _moment(at),
                "gone_at": _moment(at),
                "payload": {"object": "worklogs", "id": key, "state": "deleted"},
            }
            for key, at in deleted.items()
            if key in known
        ]
        yield TOMBSTONES, TOMBSTONES.batch(gone)
        marks.update({"updated": until, "deleted": gone_until})
        self.reader.run.audit("worklogs", extracted=len(changed), loaded=count, deleted=len(gone))

    def _feed(self, name: str, since: int) -> tuple[dict[str, int], int]:
        """Follow a feed of worklogs: id → when, and until when it reaches.

        Raises:
            IncompleteRead: The feed does not go on.
        """
        found: dict[str, int] = {}
        for _ in range(MOST_PAGES):
            path = f"{self.reader.site.root}/worklog/{name}"
            reply = self.reader.site.optional("worklogs", path, {"since": since})
            if reply is None:
                return found, since
            page = reply.data
            found |= {str(row["worklogId"]): row["updatedTime"] for row in page.get("values") or []}
            until = max(since, page.get("until") or since)
            if page.get("lastPage", True):
                return found, until
            if until == since:
                raise IncompleteRead(f"jira: pagination loop, {path} repeats a moment")
            since = until
        raise IncompleteRead(f"jira: worklog/{name} does not end")

    def _known_issues(self) -> set[str]:
        ids = {row_id for (row_id,) in raw_store.rows(NAME, f"select id from {NAME}.issues")}
        return ids | self.reader.issue_ids

    def sprints(self) -> Iterator[Batch]:
        """Yield the sprints of all boards, and those that only issues know of."""
        site = self.reader.site
        rows: dict[str, dict[str, Any]] = {}
        for board in self.reader.boards:
            if board.get("type") != "kanban":
                path = f"{AGILE}/board/{board['id']}/sprint"
                rows |= {str(row["id"]): row for row in site.pages("sprints", path)}
        closed = raw_store.rows(NAME, f"select id from {NAME}.sprints where state = 'closed'")
        seen = self.reader.site.rows.sprint_ids - rows.keys() - {row_id for (row_id,) in closed}
        for sprint_id in sorted(seen):
            reply = site.optional("sprints", f"{AGILE}/sprint/{sprint_id}")
            if reply:
                rows[sprint_id] = reply.data
        made = [_sprint_row(row) for row in rows.values()]
        new, seen = changed(NAME, SPRINTS, made, self.reader.run.server_now)
        yield SPRINTS, SPRINTS.batch(new)
        yield SNAPSHOTS, SNAPSHOTS.batch(seen)
        self.reader.run.audit("sprints", extracted=len(rows), loaded=len(new))


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _worklog(row: Any) -> dict[str, Any] | None:
    """Return the raw row of a worklog: who, when, how long; its comment is not loaded."""
    if not isinstance(row, dict) or row.get("id") in (None, ""):
        return None
    return {
        "id": str(row["id"]),
        "issue_id": str(row.get("issueId") or ""),
        "started_at": instant(row.get("started")),
        "updated_at": instant(row.get("updated")),
        "time_spent_s": row.get("timeSpentSeconds"),
        "payload": {
            "id": str(row["id"]),
            "created": pick(row.get("created"), KEEP),
            "author": person_of(row.get("author")),
            "updateAuthor": person_of(row.get("updateAuthor")),
        },
    }


def _sprint_row(row: dict[str, Any]) -> dict[str, Any]:
    shown = pick(row, SPRINT)
    return {
        "id": str(row["id"]),
        "name": shown.get("name"),
        "board_id": None if row.get("originBoardId") is None else str(row["originBoardId"]),
        "state": shown.get("state"),
        "start_at": instant(row.get("activatedDate") or row.get("startDate")),
        "end_at": instant(row.get("endDate")),
        "complete_at": instant(row.get("completeDate")),
        "payload": shown,
    }

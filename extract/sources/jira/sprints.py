"""The sprints of boards, and those that issues name."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from extract import raw_store
from extract.privacy import pick
from extract.snapshots import changed
from extract.sources.jira.client import AGILE
from extract.sources.jira.shapes import SPRINT
from extract.sources.jira.tables import NAME, SNAPSHOTS, SPRINTS
from extract.tables import Batch, instant

if TYPE_CHECKING:
    from extract.sources.jira.reader import Reader


def sprint_batches(reader: "Reader") -> Iterator[Batch]:
    """Yield the sprints of all boards, and those that only issues name.

    A board may be hidden from this user, or deleted, while issues still name its sprints. Of these
    a closed one that is loaded is not asked for again: nothing changes in it.
    """
    site = reader.site
    found: dict[str, dict[str, Any]] = {}
    for board in reader.boards:
        if board.get("type") != "kanban":  # a Kanban board has none, and answers with an error
            path = f"{AGILE}/board/{board['id']}/sprint"
            found |= {str(sprint["id"]): sprint for sprint in site.pages("sprints", path)}
    closed = raw_store.rows(NAME, f"select id from {NAME}.sprints where state = 'closed'")
    missing = site.rows.sprint_ids - found.keys() - {sprint_id for (sprint_id,) in closed}
    for sprint_id in sorted(missing):
        reply = site.optional("sprints", f"{AGILE}/sprint/{sprint_id}")
        if reply:
            found[sprint_id] = reply.data
    rows = [_sprint_row(sprint) for sprint in found.values()]
    new, snapshots = changed(NAME, SPRINTS, rows, reader.run.server_now)
    yield SPRINTS, SPRINTS.batch(new)
    yield SNAPSHOTS, SNAPSHOTS.batch(snapshots)
    reader.run.audit("sprints", extracted=len(found), loaded=len(new))


def _sprint_row(sprint: dict[str, Any]) -> dict[str, Any]:
    """Return the raw row of a sprint; it began when it was activated, whatever was planned."""
    shown = pick(sprint, SPRINT)
    return {
        "id": str(sprint["id"]),
        "name": shown.get("name"),
        "board_id": None if sprint.get("originBoardId") is None else str(sprint["originBoardId"]),
        "state": shown.get("state"),
        "start_at": instant(sprint.get("activatedDate") or sprint.get("startDate")),
        "end_at": instant(sprint.get("endDate")),
        "complete_at": instant(sprint.get("completeDate")),
        "payload": shown,
    }

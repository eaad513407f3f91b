"""The status of work items, which REST does not tell."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from extract.api import Forbidden, IncompleteRead, SourceError, Unavailable
from extract.snapshots import changed as changed_since
from extract.sources.gitlab.rows import Project, Row, status_of
from extract.sources.gitlab.tables import ISSUE_STATUSES, NAME, SNAPSHOTS
from extract.tables import Batch

if TYPE_CHECKING:
    from extract.sources.gitlab.reader import Reader


KNOWN_STATUSES = """
query {
  widget: __type(name: "WorkItemWidgetStatus") { fields { name type { name } } }
  status: __type(name: "WorkItemStatus") { fields { name } }
}
"""

STATUSES = """
query($path: ID!, $iids: [String!], $state: IssuableState, $after: String) {
  project(fullPath: $path) {
    workItems(iids: $iids, state: $state, first: 50, after: $after) {
      pageInfo { hasNextPage endCursor }
      nodes { id widgets { ... on WorkItemWidgetStatus { status { name category } } } }
    }
  }
}
"""
"""A work item's status, which REST does not tell; the number in its id is that of the issue."""

STATUSES_PER_QUERY = 50


@dataclass
class Statuses:
    """Reads the statuses of issues, where this GitLab has them."""

    reader: "Reader"

    @property
    def graphql(self) -> str:
        """Where GraphQL is; empty where this GitLab gives work items no status of their own."""
        address = f"{self.reader.api.base_url.removesuffix('/v4')}/graphql"
        if "statuses" not in self.reader.run.kept:
            reply = self.reader.api.post(
                address, {"query": KNOWN_STATUSES}, allow=(400, 403, 404, 405)
            )
            types = ((reply.data or {}).get("data") or {}) if reply.status == 200 else {}
            fields = {
                (name, field["name"], (field.get("type") or {}).get("name"))
                for name in ("widget", "status")
                for field in (types.get(name) or {}).get("fields") or ()
            }
            wanted = {("status", "name", None), ("status", "category", None)}
            # Requirements had a status of this name, which was a text.
            self.reader.run.kept["statuses"] = fields >= {
                *wanted,
                ("widget", "status", "WorkItemStatus"),
            }
        return address if self.reader.run.kept["statuses"] else ""

    def read(self, project: Project, changed: Sequence[Row], with_open: bool) -> Iterator[Batch]:
        """Yield the statuses of issues that are not stored as they are.

        That one moved changes no `updated_at`, so all open ones are asked for. GitLab has no
        history of it: what changes is kept with the day on which a load saw it.
        """
        if not self.graphql:
            return
        audit = self.reader.run.audit(ISSUE_STATUSES.name, scope=project.path)
        closed = [str(row["iid"]) for row in changed if row.get("state") == "closed"]
        asked: list[Row] = [
            {"iids": closed[start : start + STATUSES_PER_QUERY]}
            for start in range(0, len(closed), STATUSES_PER_QUERY)
        ]
        try:
            found = {
                row["id"]: row
                for some in [*asked, *([{"state": "opened"}] if with_open else [])]
                for node in self._work_items(project, some)
                for row in [status_of(node)]
                if row
            }
        except Unavailable as failure:
            audit.status = "failed"
            audit.message = f"{failure}; not asked again in this load"
            self.reader.run.kept["statuses"] = False
            return
        except SourceError as failure:
            self.reader.note_failure({ISSUE_STATUSES.name: audit}, failure)
            return
        audit.extracted = len(found)
        rows, seen = changed_since(NAME, ISSUE_STATUSES, found.values(), self.reader.run.server_now)
        audit.loaded = len(rows)
        yield ISSUE_STATUSES, ISSUE_STATUSES.batch(rows, project.path)
        yield SNAPSHOTS, SNAPSHOTS.batch(seen, project.path)

    def _work_items(self, project: Project, asked: Row) -> Iterator[Row]:
        """Yield work items of a project page by page.

        Raises:
            IncompleteRead: The listing comes back to a page that was there.
        """
        after, seen = None, set[Any]()
        while after not in seen:
            seen.add(after)
            body = {
                "query": STATUSES,
                "variables": {"path": project.path, **asked, "after": after},
            }
            data = self.reader.api.post(self.graphql, body, reject=_errors).data["data"]
            page = (data.get("project") or {}).get("workItems")
            if page is None:
                raise Forbidden(f"gitlab: GraphQL shows no work items of {project.path}")
            yield from filter(None, page["nodes"])
            if not page["pageInfo"]["hasNextPage"]:
                return
            after = page["pageInfo"]["endCursor"]
        raise IncompleteRead("gitlab: the pages of work items do not end")


def _errors(answer: Any) -> str | None:
    """Return why an answer of GraphQL is incomplete: an error, whose text may quote anything."""
    is_complete = isinstance(answer, dict) and answer.get("data") and not answer.get("errors")
    return None if is_complete else "errors"

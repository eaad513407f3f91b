"""Issues of GitHub with their timelines, and where they stand on projects.

Issues are listed by GraphQL, oldest update first: REST lists them among all pull requests. A page
holds complete issues; its cursor is the time of an update, so an issue that is updated meanwhile
only comes again at the end. `since` is left out where everything is asked for: GitHub finds nothing
since the epoch.

What moves no `updatedAt` is looked for: the status of a project's item by a scan of the project,
cross references by reading open issues again every week, and closed ones until they are closed for
a week. The same day a census finds issues that were never shown, and those that vanished; what two
of them lack is asked for by number: deleted (410), transferred (another repository answers), or
hidden (404).

GitHub keeps the history of a project's Status only. Where a server does not tell it, and for the
other fields, a snapshot is taken whenever an item is another than before.
"""

import time
from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from dlt.sources import DltResource

from extract import raw_store, snapshots
from extract.api import Forbidden, IncompleteRead, SourceError, WaitBudgetExceeded
from extract.census import MISSED, PRESENT, Census, Findings
from extract.run import Audit
from extract.sources.github.graphql import ITEMS_PER_QUERY
from extract.sources.github.rows import (
    Repository,
    Row,
    issue_event_rows,
    issue_row,
    project_item_row,
)
from extract.sources.github.shared import CHUNK, PULL_OVERLAP, SAFETY_LAG, chunks
from extract.sources.github.tables import (
    ISSUE_EVENTS,
    ISSUES,
    NAME,
    PROJECT_ITEMS,
    SNAPSHOTS,
    TOMBSTONES,
)
from extract.tables import Batch, instant, resource
from extract.windows import BEGINNING, Window

if TYPE_CHECKING:
    from extract.sources.github.reader import Reader

EVERY = timedelta(days=7)


@dataclass
class Issues:
    """Reads what a load shares with the other objects of a reader."""

    reader: "Reader"

    def read(
        self, state: Any, repo: Repository, audits: Mapping[str, Audit]
    ) -> Generator[Batch, None, bool]:
        """Yield the issues that changed, oldest update first, then those that did so silently."""
        if not repo.has_issues or repo.node_id is None:
            return True
        reader, audit = self.reader, audits[ISSUES.name]
        first_window = not reader.run.windows
        window = reader.window(state, repo, audit, PULL_OVERLAP, SAFETY_LAG)
        since = window.lo if window.lo and window.lo > BEGINNING else None
        is_first = window.lo is None or window.lo == reader.run.start
        audit.api_count = 0
        done: set[str] = set()
        owed = self._owed(state, repo) if first_window else []
        began = time.monotonic()
        for nodes, total in self._listed(repo, since):
            # One that was updated meanwhile comes again; the later row wins and is counted once.
            again = done & {node["id"] for node in nodes}
            audit.api_count += len(nodes) - len(again)
            audit.extracted -= len(again)
            ends = reader.parallel(lambda node: reader.graph.complete("issues", node), nodes)
            complete = [node for node, is_complete in zip(nodes, ends, strict=True) if is_complete]
            cut = {node["id"]: f"#{node.get('number')}" for node in nodes}
            for node in complete:
                del cut[node["id"]]
            yield from self._batches(state, repo, complete, cut, audits)
            done |= {node["id"] for node in nodes}
            reader.run.progress(ISSUES.name, len(done), total, began)
            reader.room[ISSUES.name] -= len(nodes)
            last = instant(nodes[-1].get("updatedAt")) if nodes else None
            if last and last < window.hi:
                reader.run.close_window(state, repo.key, Window(window.lo, last))
                if reader.room[ISSUES.name] <= 0:
                    audit.window_to = last
                    return False
        reader.run.close_window(state, repo.key, window)
        if first_window:
            yield from self._again(state, repo, (i for i in owed if i not in done), audits)
        if first_window and not is_first and not reader.run.is_backfill:
            yield from self._looked_after(state, repo, done, audits)
        elif is_first:
            self._note_census(state, repo)
        return True

    def _listed(self, repo: Repository, since: datetime | None) -> Iterator[tuple[list[Row], int]]:
        """Yield issues, and how many there are, in pieces that are worth a bundle."""
        only = {"since": since.isoformat().replace("+00:00", "Z")} if since else {}
        some: dict[str, Row] = {}
        for page in self.reader.graph.pages("listed_issues", "issues", repo.node_id, filter=only):
            some |= {node["id"]: node for node in page["nodes"] if node}
            if len(some) >= CHUNK or not page["pageInfo"]["hasNextPage"]:
                if some:
                    yield list(some.values()), page.get("totalCount") or 0
                some = {}

    def _batches(
        self,
        state: Any,
        repo: Repository,
        complete: list[Row],
        cut: Mapping[str, str],
        audits: Mapping[str, Audit],
    ) -> Iterator[Batch]:
        """Yield complete issues; the next load reads those that were cut short (id → name)."""
        audit, owed = audits[ISSUES.name], state.setdefault("owed", {})
        left = {*owed.get(repo.key, ()), *cut} - {node["id"] for node in complete}
        owed[repo.key] = sorted(left)
        if cut:
            audit.status, audit.rejected = "incomplete", audit.rejected + len(cut)
            names = ", ".join(cut.values())
            audit.message = f"incomplete answer, to be read again: {names}"
        yield from self.reader.batches(
            repo,
            audits,
            (ISSUES, [issue_row(repo, node) for node in complete]),
            (ISSUE_EVENTS, [row for node in complete for row in issue_event_rows(node)]),
        )

    def _owed(self, state: Any, repo: Repository) -> list[str]:
        """Return the issues that moved on a project, and those that were cut short before.

        They are owed until they are read, in later loads if this one cannot.
        """
        owed = state.setdefault("owed", {})
        stored = _stored("select id from github.issues where repository = $repo", repo)
        moved = self.projects.moved & {row_id for (row_id,) in stored}
        owed[repo.key] = sorted({*owed.get(repo.key, ()), *moved})
        return owed[repo.key]

    def _again(
        self, state: Any, repo: Repository, ids: Iterable[str], audits: Mapping[str, Audit]
    ) -> Iterator[Batch]:
        """Read issues by id."""
        audit = audits[ISSUES.name]
        for some in chunks(list(dict.fromkeys(ids)), CHUNK):
            parts = self.reader.parallel(
                lambda part: self.reader.graph.full_items("issues", part),
                chunks(some, ITEMS_PER_QUERY),
            )
            nodes = [node for found, _ in parts for node in found.values()]
            gone = {node_id for _, missing in parts for node_id in missing}
            audit.api_count = (audit.api_count or 0) + len(nodes)
            cut = {*some} - {node["id"] for node in nodes} - gone
            yield from self._batches(
                state, repo, nodes, {node_id: node_id for node_id in cut}, audits
            )
            state["owed"][repo.key] = sorted({*state["owed"][repo.key]} - gone)

    # what nothing tells of

    def _note_census(self, state: Any, repo: Repository) -> None:
        state.setdefault("census_at", {})[repo.key] = self.reader.run.server_now.isoformat()

    def _looked_after(
        self, state: Any, repo: Repository, done: set[str], audits: Mapping[str, Audit]
    ) -> Iterator[Batch]:
        """Take the census and read again what changes without a trace, every week."""
        now, start = self.reader.run.server_now, self.reader.run.start
        noted = state.get("census_at", {}).get(repo.key)
        last = datetime.fromisoformat(noted) if noted else BEGINNING
        census = Census.of(NAME, ISSUES, repo.name)
        is_missed = any(census.marks.get(row_id, ("",))[0] == MISSED for row_id in census.known)
        if now - last < EVERY and not is_missed:
            return
        listed, seen, total = {}, 0, 0
        for page in self.reader.graph.pages("census", "issues", repo.node_id):
            for node in filter(None, page["nodes"]):
                updated = instant(node.get("updatedAt"))
                is_asked_for = not (start and updated and updated < start)
                if node["id"] in census.known or is_asked_for:
                    listed[node["id"]] = (_milliseconds(updated), repo.name)
            seen, total = seen + len(page["nodes"]), page.get("totalCount") or 0
        if seen < total:
            raise IncompleteRead(f"github: the census lists {seen:,} of {total:,} issues")
        found = census.compare(listed)
        silent = _stored(
            """
            select id from github.issues
            where repository = $repo and (state = 'open' or closed_at > $since)
            """,
            repo,
            since=last - EVERY,
        )
        again = [*found.wanted, *(row_id for (row_id,) in silent if row_id in listed)]
        yield from self._again(state, repo, (i for i in again if i not in done), audits)
        verdicts = self._verdicts(repo, found)
        marks = census.settle(found, verdicts, now)
        yield TOMBSTONES, TOMBSTONES.mixed(marks)
        audits[ISSUES.name].deleted += found.deleted.pop(repo.name, 0)
        census.note(self.reader.run, found)
        self._note_census(state, repo)

    def _verdicts(self, repo: Repository, found: Findings) -> dict[str, str]:
        """Ask by number for what two censuses lacked."""
        if not found.suspects:
            return {}
        numbers = dict(
            _stored("select id, number from github.issues where repository = $repo", repo)
        )

        def verdict(row_id: str) -> str:
            path = f"/repos/{repo.name}/issues/{numbers[row_id]}"
            reply = self.reader.api.get(path, allow=(404, 410))
            if reply.status == 410:
                return "deleted"
            if reply.status == 404:
                return "no_access"
            home = str((reply.data or {}).get("repository_url") or "").lower()
            return PRESENT if home.endswith(f"/repos/{repo.name}".lower()) else "moved"

        return dict(zip(found.suspects, self.reader.parallel(verdict, found.suspects), strict=True))

    # projects

    @cached_property
    def projects(self) -> "Projects":
        """What stands on the projects of the repositories' owners, scanned once a load."""
        return Projects.scanned(self.reader)

    def resources(self) -> Iterator[DltResource]:
        """Yield the resources of issues, and in a load's first window those of projects."""
        yield self.reader.resource((ISSUES, ISSUE_EVENTS, TOMBSTONES), self.read)
        if not self.reader.run.windows:
            yield resource("read_project_items", (PROJECT_ITEMS, SNAPSHOTS), self._project_items)

    def _project_items(self) -> Iterator[Batch]:
        items, seen = self.projects.changed(self.reader.run.server_now)
        yield PROJECT_ITEMS, PROJECT_ITEMS.mixed(items)
        yield SNAPSHOTS, SNAPSHOTS.mixed(seen)


@dataclass
class Projects:
    """The items of all projects that the token sees.

    Attributes:
        rows: Items by id, each with the owner of its project.
        fresh: Ids of the items that are not stored as of their last update.
    """

    rows: dict[str, tuple[str, Row]]
    fresh: set[str]

    @classmethod
    def scanned(cls, reader: "Reader") -> "Projects":
        """Scan the projects of all owners: no filter knows the time of an item's update."""
        rows: dict[str, tuple[str, Row]] = {}
        owners = {
            repo.owner_id: repo.name.partition("/")[0]
            for repo in reader.repositories
            if repo.owner_id and reader.graph.has_projects
        }
        for owner_id, owner in owners.items():
            audit = reader.run.audit(PROJECT_ITEMS.name, scope=owner, api_count=0)
            try:
                for project_id, page in _items(reader, owner_id):
                    items = [item for item in page["nodes"] if item]
                    rows |= {i["id"]: (owner, project_item_row(project_id, i)) for i in items}
                    audit.api_count += len(items)
                    audit.extracted += len(items)
            except Forbidden as failure:
                audit.message = f"the projects are not shown to this token: {failure}"
            except WaitBudgetExceeded as failure:
                audit.status, audit.message = "partial", str(failure)
                reader.is_over = True
                break
            except IncompleteRead as failure:
                audit.status, audit.message = "incomplete", str(failure)
            except SourceError as failure:
                audit.status, audit.message = "failed", str(failure)
        stored = "select id, epoch_ms(updated_at) from github.project_items"
        known = dict(raw_store.rows(NAME, stored))
        fresh = {
            row_id
            for row_id, (_, row) in rows.items()
            if known.get(row_id) != _milliseconds(row["updated_at"])
        }
        return cls(rows, fresh)

    @property
    def moved(self) -> set[str]:
        """Ids of the issues and pull requests behind the fresh items."""
        return {self.rows[row_id][1]["content_id"] for row_id in self.fresh} - {None}

    def changed(self, server_now: datetime) -> tuple[list[tuple[str, Row]], list[tuple[str, Row]]]:
        """Return the items that are not stored as they are, and their snapshots."""
        rows = [row for _, row in self.rows.values()]
        changed, seen = snapshots.changed(NAME, PROJECT_ITEMS, rows, server_now)
        ids = self.fresh | {row["id"] for row in changed}
        return [self.rows[row_id] for row_id in ids], [(self.rows[s["id"]][0], s) for s in seen]


def _items(reader: "Reader", owner_id: str) -> Iterator[tuple[str, Row]]:
    """Yield the pages of the items of an owner's projects."""
    for listed in reader.graph.pages("projects", "projectsV2", owner_id):
        for project in filter(None, listed["nodes"]):
            for page in reader.graph.pages("project_items", "items", project["id"]):
                yield project["id"], page


def _stored(sql: str, repo: Repository, **values: Any) -> list[tuple]:
    return raw_store.rows(NAME, sql, repo=repo.name, **values)


def _milliseconds(moment: datetime | None) -> int | None:
    return int(moment.timestamp() * 1000) if moment else None

"""The windows of projects, kind by kind."""

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import dlt
import pyarrow as pa
from dlt.sources import DltSource

from extract import raw_store
from extract.api import (
    Api,
    FailureStreak,
    Forbidden,
    IncompleteRead,
    Reply,
    SourceError,
    Unauthorized,
    WaitBudgetExceeded,
)
from extract.census import Census
from extract.gaps import History, known_gaps, moment
from extract.gaps import Known as Gaps
from extract.run import Audit, LoadRun
from extract.sources.gitlab.census import ProjectCensus
from extract.sources.gitlab.client import (
    MOST_IN_WINDOW,
    Listing,
    OffsetRefused,
    by_id,
    connect,
    found_projects,
    server_time,
)
from extract.sources.gitlab.details import Details, Part
from extract.sources.gitlab.kinds import KINDS, VERSION, Kind
from extract.sources.gitlab.rows import Project, Row, environment_row, project_row
from extract.sources.gitlab.settings import GitLabSettings
from extract.sources.gitlab.statuses import Statuses
from extract.sources.gitlab.tables import (
    ENVIRONMENTS,
    HISTORY_GAPS,
    ISSUES,
    NAME,
    PIPELINES,
    PROJECTS,
    TABLES,
)
from extract.tables import Batch, instant, resource
from extract.windows import Window, bisect_window

OVERLAP = timedelta(minutes=10)

SAFETY_LAG = timedelta(minutes=2)

CHUNK = 100

CONCURRENT_REQUESTS = 4


@dataclass
class Reader:
    """What one load shares."""

    run: LoadRun
    api: Api
    projects: list[Project]
    began: float = field(default_factory=time.monotonic)
    room: int = MOST_IN_WINDOW
    outage: FailureStreak = field(default_factory=FailureStreak)
    is_over: bool = False

    def everything(self) -> Iterator[Batch]:
        """Yield the rows of all kinds, project by project; one that fails is noted."""
        state = dlt.current.resource_state()
        todo = [(kind, project) for project in self.projects for kind in KINDS]
        if self.run.windows:
            left = state.get("unfinished", ())
            todo = [pair for pair in todo if _mark(*pair) in left]
        else:
            yield from self._environments()
        unfinished = state["unfinished"] = [_mark(*pair) for pair in todo]
        for kind, project in todo:
            if self.room <= 0:
                break
            audits = {
                table.name: self.run.audit(table.name, scope=project.path) for table in kind.tables
            }
            if self.is_over:
                audit = audits[kind.table.name]
                audit.status, audit.message = "partial", "the run's time is used"
                continue
            is_done = True
            try:
                is_done = yield from self._read(state, kind, project, audits)
                self.outage.end()
            except Unauthorized:
                raise
            except SourceError as failure:
                self.note_failure(audits, failure)
            if is_done:
                unfinished.remove(_mark(kind, project))
        self.run.more = bool(unfinished) and not self.is_over

    def note_failure(self, audits: Mapping[str, Audit], failure: SourceError) -> None:
        """Note what stopped the reading of a project; the others go on."""
        status = "incomplete" if isinstance(failure, IncompleteRead) else "failed"
        if isinstance(failure, WaitBudgetExceeded):
            status, self.is_over = "partial", True
        for audit in audits.values():
            audit.status, audit.message = status, str(failure)
        self.outage.note(failure)

    def _environments(self) -> Iterator[Batch]:
        for project in self.projects:
            audit = self.run.audit(ENVIRONMENTS.name, scope=project.path)
            try:
                found = Listing(self.api, f"/projects/{project.id}/environments").rows()
            except (Forbidden, IncompleteRead) as failure:
                # Deployments carry the names too: a project without this feature is not an error.
                audit.message = str(failure)
                continue
            rows = [environment_row(project, row) for row in found]
            audit.api_count = audit.extracted = len(rows)
            yield ENVIRONMENTS, ENVIRONMENTS.batch(rows, project.path)

    def _read(
        self, state: Any, kind: Kind, project: Project, audits: Mapping[str, Audit]
    ) -> Generator[Batch, None, bool]:
        """Yield what changed in a window, and after the last one what windows do not show."""
        audit, mark = audits[kind.table.name], _mark(kind, project)
        history = self._history(state, kind, project)
        due_window = self.run.next_window(state, mark, overlap=OVERLAP, safety_lag=SAFETY_LAG)
        window, listed = self.listed(kind, project, due_window)
        audit.window_from, audit.window_to = window.lo, window.hi
        audit.api_count = len(listed)
        history.note(instant(row.get("created_at")) for row in listed.values())
        census = Census.of(NAME, kind.table, project.path, version=VERSION)
        is_full_read = self.run.is_full_read
        changed = [
            row
            for row_id, row in listed.items()
            if is_full_read or census.known.get(row_id, ("",))[0] != kind.version(row)
        ]
        audit.extracted += len(listed) - len(changed)
        audit.loaded = 0
        yield from self.with_children(kind, project, changed, audits)
        self.run.close_window(state, mark, window)
        self.room -= len(changed)
        if kind.table is ISSUES:
            yield from Statuses(self).read(project, changed, window.hi == due_window.hi)
        if window.hi < due_window.hi:
            return False
        if self.run.is_backfill:
            return True
        done = set(listed)
        polled = self._unfinished(kind, project, done, audit)
        yield from self.with_children(kind, project, polled, audits)
        done.update(str(row["id"]) for row in polled)
        if census.is_due(state.setdefault(mark, {}), self.run.server_now):
            yield from ProjectCensus(self).taken(
                state[mark], kind, project, census, done, audits, history
            )
        if kind.table is PIPELINES:
            yield HISTORY_GAPS, self._gaps(project, history)
        return True

    def _history(self, state: Any, kind: Kind, project: Project) -> History:
        """Return what all windows of this load are shown of a kind; of pipelines, how long kept."""
        mark = _mark(kind, project)
        read_to = state.get("watermarks", {}).get(mark)
        history = History(
            read_to and datetime.fromisoformat(read_to), self.run.start, born=project.created_at
        )
        if kind.table is PIPELINES:
            history.keeps = project.keeps_pipelines
        return self.run.kept.setdefault(mark, history)

    def _gaps(self, project: Project, history: History) -> pa.Table:
        """Return of which times GitLab shows no pipelines because it has deleted them."""
        [(oldest,)] = raw_store.rows(
            NAME,
            "select min(epoch_us(created_at)) from gitlab.pipelines where _scope = $scope",
            scope=project.path,
        )
        rows = history.gaps(
            PIPELINES, project.path, self.run.server_now, self.known_gaps, moment(oldest)
        )
        return HISTORY_GAPS.batch(rows, project.path)

    @cached_property
    def known_gaps(self) -> Gaps:
        """The gaps that are stored; each scope is asked for once a load."""
        return known_gaps(NAME, PIPELINES)

    def listed(self, kind: Kind, project: Project, window: Window) -> tuple[Window, dict[str, Row]]:
        """Return a window's first part that is short enough to be listed, and its rows by id."""
        opened: dict[Window, list[Listing]] = {}

        def size(window: Window) -> int:
            span = {"order_by": "updated_at", "sort": "asc", "updated_before": _stamp(window.hi)}
            if window.lo:
                # Versions differ on whether the moment itself belongs to it.
                span["updated_after"] = _stamp(window.lo - timedelta(seconds=1))
            path = kind.path(project)
            opened[window] = [Listing(self.api, path, {**part, **span}) for part in kind.filters]
            return sum(listing.size() for listing in opened[window])

        window, _ = bisect_window(window, size, MOST_IN_WINDOW)
        try:
            rows = [row for listing in opened[window] for row in listing.rows()]
        except OffsetRefused:
            raise IncompleteRead(
                f"gitlab: more {kind.table.name} in ten minutes than GitLab lists, until "
                f"{_stamp(window.hi)}"
            ) from None
        return window, by_id(rows)

    def with_children(
        self, kind: Kind, project: Project, rows: Sequence[Row], audits: Mapping[str, Audit]
    ) -> Iterator[Batch]:
        """Yield the raw rows of listed rows and of all that hangs on them."""
        read: Callable[[Project, Row], Part | None] = getattr(Details(self), kind.table.name)
        for start in range(0, len(rows), CHUNK):
            some = rows[start : start + CHUNK]
            parts = self._parallel(lambda row: read(project, row), some)
            audits[kind.table.name].rejected += sum(part is None for part in parts)
            for table in kind.tables:
                found = [row for part in parts if part for row in part[table.name]]
                audits[table.name].extracted += len(found)
                audits[table.name].finished_at = datetime.now(UTC)
                if table is kind.table:
                    audits[table.name].loaded += len(found)
                yield table, table.batch(found, project.path)
            self.run.progress(kind.table.name, start + len(some), len(rows), self.began)

    def _parallel(self, ask: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
        with ThreadPoolExecutor(CONCURRENT_REQUESTS) as pool:
            return list(pool.map(ask, items))

    def _unfinished(self, kind: Kind, project: Project, done: set[str], audit: Audit) -> list[Row]:
        """Read by id what had not ended when it was stored, and is not listed in this window."""
        stored = self.stored(kind, project, f"({kind.unfinished})", done)
        replies = self.read_by_id(kind, project, stored)
        found = [reply.data for reply in replies.values() if reply.status == 200]
        audit.api_count += len(found)
        return found

    def stored(
        self, kind: Kind, project: Project, where: str, without: set[str]
    ) -> list[Mapping[str, Any]]:
        """Return id and iid of stored rows that have no tombstone."""
        rows = raw_store.rows(
            NAME,
            f"""
            select id, iid from gitlab.{kind.table.name}
            where _scope = $scope and {where} and id not in (
                select id from gitlab.tombstones where object = $object and gone_at is not null
            )
            order by id
            """,
            scope=project.path,
            object=kind.table.name,
        )
        return [{"id": row_id, "iid": iid} for row_id, iid in rows if row_id not in without]

    def read_by_id(
        self, kind: Kind, project: Project, rows: Sequence[Mapping[str, Any]]
    ) -> dict[str, Reply]:
        """Ask for rows by their ids."""
        replies = self._parallel(
            lambda row: self.api.get(kind.path(project, row), allow=(403, 404)), rows
        )
        return dict(zip((row["id"] for row in rows), replies, strict=True))


def _stamp(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")


def _mark(kind: Kind, project: Project) -> str:
    return f"{kind.table.name} {project.key}"


def build(run: LoadRun, config: GitLabSettings) -> DltSource:
    """Return the source with everything that changed since the last load."""
    api = connect(config)
    run.server_now = server_time(api)
    found = found_projects(run, api, config)
    projects = [Project.of(row) for row in found]
    reader = Reader(run, api, projects)

    def everything() -> Iterator[Batch]:
        if not run.windows:
            yield PROJECTS, PROJECTS.batch([project_row(row) for row in found])
            run.audit(
                PROJECTS.name,
                api_count=len(found),
                extracted=len(found),
                # None at all is a lost permission; what we have stays.
                status="complete" if found else "incomplete",
                message="" if found else "GitLab shows no project to this token",
            )
        yield from reader.everything()

    @dlt.source(name=NAME, max_table_nesting=0)
    def gitlab() -> Iterator[Any]:
        yield resource("read", TABLES, everything)

    return gitlab()

"""What is read of each repository, and in which order; one that fails stops no other.

A renamed repository is read again, so that all its rows carry the new name. What vanishes from
GitHub stays in the raw tables: runs, and commits that a force push dropped.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeVar

import dlt
from dlt.sources import DltResource, DltSource

from extract.api import (
    Api,
    FailureStreak,
    IncompleteRead,
    SourceError,
    Unauthorized,
    WaitBudgetExceeded,
)
from extract.run import Audit, LoadRun
from extract.sources.github.client import connect, found_repositories, server_time
from extract.sources.github.commits import Commits, deployed_unknown
from extract.sources.github.deployments import Deployments
from extract.sources.github.graphql import Graph
from extract.sources.github.issues import Issues
from extract.sources.github.listings import Listings
from extract.sources.github.pulls import Pulls
from extract.sources.github.rows import Repository, Row, repository_row
from extract.sources.github.runs import Runs
from extract.sources.github.settings import GitHubSettings
from extract.sources.github.shared import MOST_IN_WINDOW, Item
from extract.sources.github.tables import (
    BRANCH_COMMITS,
    COMMITS,
    DEPLOYMENTS,
    ENVIRONMENTS,
    HISTORY_GAPS,
    JOBS,
    MAIN_LINES,
    NAME,
    PULL_REQUESTS,
    RELEASES,
    REPOSITORIES,
    REVIEWS,
    RUNS,
    STATUSES,
)
from extract.tables import Batch, RawTable, resource
from extract.windows import Window

CONCURRENT_REQUESTS = 4

Result = TypeVar("Result")

Read = Callable[[Any, Repository, Mapping[str, Audit]], Generator[Batch, None, bool]]


@dataclass
class Reader:
    """What all resources of one window share."""

    run: LoadRun
    api: Api
    graph: Graph
    repositories: list[Repository]
    is_over: bool = False
    outage: FailureStreak = field(default_factory=FailureStreak)
    room: dict[str, int] = field(default_factory=dict)

    def resource(
        self,
        tables: Sequence[RawTable],
        read: Read,
        only: Callable[[], Iterable[str]] | None = None,
    ) -> DltResource:
        """Return the resource of tables that are read together, repository by repository.

        Args:
            tables: The tables.
            read: Reads a repository.
            only: Names of the repositories to read; None takes all, and later those unfinished.
        """
        name = f"read_{tables[0].name}"
        return resource(name, tables, partial(self._every, tables, read, only))

    def _every(
        self, tables: Sequence[RawTable], read: Read, only: Callable[[], Iterable[str]] | None
    ) -> Iterator[Batch]:
        """Read the repositories; one that fails is noted, and the others go on."""
        state = dlt.current.resource_state()
        object = tables[0].name
        self.room[object] = MOST_IN_WINDOW
        todo = self.repositories
        if only:
            chosen = set(only())
            todo = [repo for repo in todo if repo.name in chosen]
        elif self.run.windows:
            todo = [repo for repo in todo if repo.key in state.get("unfinished", ())]
        unfinished = state["unfinished"] = [repo.key for repo in todo]
        for repo in todo:
            if self.room[object] <= 0:
                break
            audits = {table.name: self.run.audit(table.name, scope=repo.name) for table in tables}
            if self.is_over:
                audits[object].status, audits[object].message = "partial", "the run's time is used"
                continue
            try:
                is_done = yield from read(state, repo, audits)
            except Unauthorized:
                raise
            except SourceError as failure:
                self._note(audits, failure)
                is_done = True
            else:
                self.outage.end()
            if is_done:
                unfinished.remove(repo.key)
        self.run.more = self.run.more or (bool(unfinished) and not self.is_over)

    def _note(self, audits: Mapping[str, Audit], failure: SourceError) -> None:
        status = "incomplete" if isinstance(failure, IncompleteRead) else "failed"
        if isinstance(failure, WaitBudgetExceeded):
            status, self.is_over = "partial", True
            self.run.more = False
        for audit in audits.values():
            audit.status, audit.message = status, str(failure)
        self.outage.note(failure)

    def window(
        self, state: Any, repo: Repository, audit: Audit, overlap: timedelta, lag: timedelta
    ) -> Window:
        """Return the window to read next of a repository, and note it."""
        window = self.run.next_window(state, repo.key, overlap=overlap, safety_lag=lag)
        if self.run.start and window.lo:
            window = Window(max(self.run.start, window.lo), window.hi)
        audit.window_from, audit.window_to = window.lo, window.hi
        return window

    def parallel(self, ask: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
        """Ask for several items at once; the answers come in the order of the items."""
        with ThreadPoolExecutor(CONCURRENT_REQUESTS) as pool:
            return list(pool.map(ask, items))

    def batches(
        self, repo: Repository, audits: Mapping[str, Audit], *parts: tuple[RawTable, list[Row]]
    ) -> Iterator[Batch]:
        """Yield rows that are only right together, and count them."""
        for table, rows in parts:
            audits[table.name].extracted += len(rows)
            audits[table.name].finished_at = datetime.now(UTC)
        for table, rows in parts:
            yield table, table.batch(rows, repo.name)

    # releases and environments: few, without a time of change, and almost always the same


def build(run: LoadRun, config: GitHubSettings) -> DltSource:
    """Return the source with everything that changed since the last load."""
    if not run.windows:
        api = connect(config)
        found, graph = found_repositories(run, api, config), Graph(api)
        if found:
            graph.adapt()
        run.kept[NAME] = api, found, graph
    api, found, graph = run.kept[NAME]
    repositories = [Repository.of(row) for row in found]
    run.server_now = server_time(api)
    reader = Reader(run, api, graph, repositories)
    commits = Commits(reader)

    def listed() -> Iterator[Batch]:
        yield REPOSITORIES, REPOSITORIES.batch([repository_row(row) for row in found])
        run.audit(
            REPOSITORIES.name,
            api_count=len(found),
            extracted=len(found),
            # None at all is a lost permission; what we have stays.
            status="complete" if found else "incomplete",
            message="" if found else "GitHub shows none to this token",
        )

    @dlt.source(name=NAME, max_table_nesting=0)
    def github() -> Iterator[Any]:
        if not run.windows:
            yield resource(REPOSITORIES.name, (REPOSITORIES,), listed)
        yield from Issues(reader).resources()
        yield reader.resource((PULL_REQUESTS, COMMITS, REVIEWS), Pulls(reader).pulls)
        yield reader.resource((RUNS, JOBS, HISTORY_GAPS), Runs(reader).runs)
        yield reader.resource((DEPLOYMENTS, STATUSES), Deployments(reader).deployments)
        if not run.windows:
            yield reader.resource((BRANCH_COMMITS, MAIN_LINES), commits.commits)
            yield reader.resource((ENVIRONMENTS,), Listings(reader).environments)
            yield reader.resource((RELEASES,), Listings(reader).releases)
        else:
            yield reader.resource(
                (BRANCH_COMMITS, MAIN_LINES), commits.commits, only=deployed_unknown
            )

    return github()

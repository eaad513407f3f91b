"""How GitHub is read: windows, listings that are followed to their ends, what is still open.

Pull requests are listed newest update first until the last watermark, and read whole by GraphQL; a
weekly census finds those that no listing showed.
Runs can be searched by creation only, at most 1,000 a search: windows are halved until they are
smaller, and a window counts as read when as many runs came as the search counts. Each load looks
back 31 days for re-runs, 30 days for deployments; what is compared and what is still open is known
from the raw tables themselves. Open runs and deployments are read by id until they end, however
old. A renamed repository is read again, so that all its rows carry the new name. What vanishes
from GitHub stays in the raw tables: runs, and commits that a force push dropped.
"""

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

import dlt
import duckdb
from dlt.sources import DltResource

from extract import warehouse
from extract.api import (
    OBJECT,
    ROWS,
    Api,
    FailureStreak,
    Forbidden,
    IncompleteRead,
    Reply,
    SourceError,
    Unauthorized,
    Unavailable,
    WaitBudgetExceeded,
)
from extract.gaps import History, known_gaps, moment
from extract.gaps import Known as Gaps
from extract.probes import NOT_READABLE
from extract.run import Audit, LoadRun
from extract.sources.github.graphql import ITEMS_PER_QUERY, MOST_PAGES, Graph
from extract.sources.github.rows import (
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
    REVIEWS,
    RUNS,
    STATUSES,
    Listed,
    Repository,
    Row,
    attempt_of,
    branch_commit_row,
    commit_rows,
    deployment_row,
    environment_row,
    job_row,
    parents_of,
    pull_row,
    release_row,
    review_rows,
    run_row,
    status_row,
)
from extract.tables import Batch, RawTable, instant, resource
from extract.windows import BEGINNING, Window

PULL_OVERLAP = timedelta(hours=1)
SAFETY_LAG = timedelta(minutes=2)
RUN_LOOK_BACK = timedelta(days=31)
"""Runs can be started again for 30 days after their first attempt."""
RUNS_KEPT_AT_MOST = {True: timedelta(days=90), False: timedelta(days=400)}
"""For how long a repository can keep its runs, by whether it is public. From October 2026 on GitHub
deletes them, with their checks, after the time that the repository sets for logs."""
SHORTEST_RETENTION = timedelta(days=1)
DEPLOYMENT_LOOK_BACK = timedelta(days=30)
CENSUS_EVERY = timedelta(days=7)
"""How often all pull requests are counted, to find those that no listing showed."""

PAGE = 100
SEARCH_CAP = 1_000
RUN_STATUSES = (
    "success", "failure", "cancelled", "skipped", "neutral", "timed_out", "action_required",
    "stale", "in_progress", "queued", "waiting", "pending", "requested",
)  # fmt: skip
RUN_EVENTS = (
    "push", "pull_request", "pull_request_target", "merge_group", "schedule", "workflow_dispatch",
    "workflow_run", "workflow_call", "repository_dispatch", "dynamic", "create", "delete",
    "release", "deployment", "deployment_status", "check_run", "check_suite", "status", "issues",
    "issue_comment", "label", "milestone", "discussion", "discussion_comment", "fork", "gollum",
    "page_build", "public", "registry_package", "watch", "branch_protection_rule",
    "pull_request_review", "pull_request_review_comment",
)  # fmt: skip
CHUNK = 100
MOST_IN_WINDOW = 5_000
CONCURRENT_REQUESTS = 4

ENDED_DEPLOYMENTS = ("success", "failure", "error", "inactive")

Item = TypeVar("Item")
Result = TypeVar("Result")
Known = dict[str, dict[int, tuple[str | None, int | None]]]
"""Status and second of the last update of the stored attempts, by run and attempt."""


class Missing(Forbidden):
    """There is no such place, or not for this token (404): GitHub does not tell the two apart."""


def pages(
    api: Api,
    path: str,
    params: Mapping[str, Any],
    allow: tuple[int, ...] = (),
    type: Any = ROWS,
) -> Iterator[Any]:
    """Yield the pages of a listing by following `Link`, which alone knows where it ends.

    Raises:
        IncompleteRead: The listing comes back to a page that was there, or does not end.
        Missing: There is no such place for this token.
    """
    first = api.get(path, {**params, "per_page": PAGE}, allow=(404, *allow), type=type)
    yield from _from_page(api, path, first, type)


def _from_page(api: Api, path: str, reply: Reply, type: Any) -> Iterator[Any]:
    """Yield a page and those that follow it."""
    seen: set[str] = set()
    for _ in range(MOST_PAGES):
        if reply.status == 404:
            raise Missing(f"github: no access to {path}, or there is none (404)")
        yield reply.data if reply.status == 200 else None
        following = _next(reply.headers.get("Link"))
        if not following:
            return
        if following in seen:
            raise IncompleteRead(f"github: pagination loop, {path} repeats a page")
        seen.add(following)
        reply = api.get(following, allow=(404,), type=type)
    raise IncompleteRead(f"github: {path} does not end")


def _next(link: str | None) -> str | None:
    for part in (link or "").split(","):
        address, _, relation = part.partition(";")
        if 'rel="next"' in relation:
            return address.strip().strip("<>")
    return None


def last_page(link: str | None) -> int | None:
    """Return the number of the last page that a `Link` header names."""
    for part in (link or "").split(","):
        address, _, relation = part.partition(";")
        if 'rel="last"' in relation:
            numbers = parse_qs(urlsplit(address.strip().strip("<>")).query).get("page")
            return int(numbers[0]) if numbers else None
    return None


def listed_rows(pages: Iterable[Any], key: str | None = None) -> Iterator[Row]:
    """Yield the rows of pages; of pages that are objects, those under a key."""
    for page in pages:
        yield from (page[key] if key else page) or ()


def _stored(sql: str, *values: Any) -> list[tuple]:
    """Ask the raw tables what they hold already."""
    with duckdb.connect(str(warehouse.raw_file(NAME)), read_only=True) as raw:
        return raw.execute(sql, values).fetchall()


def runs_kept(api: Api, repository: str) -> timedelta | None:
    """Return for how long a repository keeps its runs; None where this token is not told."""
    place = f"/repos/{repository}/actions/permissions/artifact-and-log-retention"
    reply = api.get(place, allow=NOT_READABLE)
    days = (reply.data or {}).get("days") if reply.status == 200 else None
    return timedelta(days=days) if days else None


def _second(text: Any) -> int | None:
    moment = instant(text)
    return int(moment.timestamp()) if moment else None


@dataclass
class Bucket:
    """The runs that were created from one second to another, both inclusive."""

    lo: int
    hi: int
    total: int
    runs: list[Row]
    fault: str = ""


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
    jobs_outage: FailureStreak = field(default_factory=FailureStreak)
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

    # pull requests

    def pulls(
        self, state: Any, repo: Repository, audits: Mapping[str, Audit]
    ) -> Generator[Batch, None, bool]:
        """Yield the pull requests that were updated, oldest update first."""
        audit = audits[PULL_REQUESTS.name]
        window = self.window(state, repo, audit, PULL_OVERLAP, SAFETY_LAG)
        listed, hi = self.run.kept.pop((PULL_REQUESTS.name, repo.key), (None, window.hi))
        window = Window(window.lo, hi)
        if listed is None:
            listed = self._listed_pulls(repo, window)
        audit.api_count = len(listed)
        began = time.monotonic()
        if not self.run.windows:
            cut = self._cut_pulls(state, repo, {pull.number for pull in listed})
            for some in chunks(cut, CHUNK):
                yield from self._whole_pulls(state, repo, some, audits)
        for start in range(0, len(listed), CHUNK):
            some, rest = listed[start : start + CHUNK], listed[start + CHUNK :]
            yield from self._whole_pulls(state, repo, some, audits)
            self.run.progress(PULL_REQUESTS.name, start + len(some), len(listed), began)
            self.room[PULL_REQUESTS.name] -= len(some)
            if rest:
                hi = min(window.hi, rest[0].updated_at)
                self.run.close_window(state, repo.key, Window(window.lo, hi))
                if self.room[PULL_REQUESTS.name] <= 0:
                    # The next window goes on with what is listed already, as of then.
                    self.run.kept[PULL_REQUESTS.name, repo.key] = rest, window.hi
                    audit.api_count, audit.window_to = start + len(some), hi
                    return False
        self.run.close_window(state, repo.key, window)
        if not self.run.is_backfill:
            yield from self._missed_pulls(state, repo, {pull.number for pull in listed}, audits)
        return True

    def _missed_pulls(
        self, state: Any, repo: Repository, done: set[int], audits: Mapping[str, Audit]
    ) -> Iterator[Batch]:
        """Yield the pull requests that no listing showed, or not as they are; weekly."""
        taken = state.setdefault("census_at", {})
        last = datetime.fromisoformat(taken.setdefault(repo.key, self.run.server_now.isoformat()))
        if self.run.server_now - last < CENSUS_EVERY or repo.node_id is None:
            return
        stored = dict(
            _stored(
                "select number, updated_at from github.pull_requests where repository = ?",
                repo.name,
            )
        )
        shown: dict[int, datetime] = {}
        start, total = self.run.start or BEGINNING, 0
        for page in self.graph.pages("pull_census", "pullRequests", repo.node_id):
            nodes = [node for node in page["nodes"] if node]
            shown |= {node["number"]: instant(node["updatedAt"]) or BEGINNING for node in nodes}
            total = page.get("totalCount") or 0
        if len(shown) < total:
            raise IncompleteRead(
                f"github: the census lists {len(shown):,} of {total:,} pull requests"
            )
        missed = {
            number
            for number, updated in shown.items()
            if updated > (stored.get(number) or BEGINNING) and updated >= start
        }
        vanished = stored.keys() - shown.keys()
        if vanished:
            _say(
                audits[PULL_REQUESTS.name],
                f"pull requests that GitHub shows no more, and that stay: {len(vanished):,}",
            )
        cut = state.setdefault("cut", {}).setdefault(repo.key, [])
        done = done | {*cut}
        cut += sorted(missed - done)
        found = self._cut_pulls(state, repo, done)
        audits[PULL_REQUESTS.name].api_count += len(found)
        for some in chunks(found, CHUNK):
            yield from self._whole_pulls(state, repo, some, audits)
        taken[repo.key] = self.run.server_now.isoformat()

    def _listed_pulls(self, repo: Repository, window: Window) -> list[Listed]:
        """List what was updated since the window began; what comes meanwhile only repeats rows."""
        params = {"state": "all", "sort": "updated", "direction": "desc"}
        found: dict[str, Listed] = {}
        for row in listed_rows(pages(self.api, f"/repos/{repo.name}/pulls", params)):
            listed = Listed.of(row)
            if window.lo and listed.updated_at < window.lo:
                break
            found.setdefault(listed.id, listed)
        return sorted(found.values(), key=lambda listed: listed.updated_at)

    def _cut_pulls(self, state: Any, repo: Repository, done: set[int]) -> list[Listed]:
        """Return the pull requests that are to be read again, but for those that were just read."""
        cut = state.setdefault("cut", {}).get(repo.key, [])
        found = []
        for number in set(cut) - done:
            reply = self.api.get(f"/repos/{repo.name}/pulls/{number}", allow=(404, 410))
            if reply.status == 200:
                found.append(Listed.of(reply.data))
            else:
                cut.remove(number)
        return found

    def _whole_pulls(
        self, state: Any, repo: Repository, some: list[Listed], audits: Mapping[str, Audit]
    ) -> Iterator[Batch]:
        """Read pull requests whole; what is cut short is not loaded, and tried by the next load."""
        parts = self.parallel(
            lambda ids: self.graph.whole("pull_requests", ids),
            chunks([listed.node_id for listed in some], ITEMS_PER_QUERY),
        )
        nodes = {node_id: node for found, _ in parts for node_id, node in found.items()}
        gone = {node_id for _, missing in parts for node_id in missing}
        whole = [(listed, nodes[listed.node_id]) for listed in some if listed.node_id in nodes]
        cut = [
            listed.number
            for listed in some
            if listed.node_id not in nodes and listed.node_id not in gone
        ]
        pulls = [pull_row(repo, listed, node) for listed, node in whole]
        commits = [row for listed, node in whole for row in commit_rows(repo, listed, node)]
        reviews = [row for listed, node in whole for row in review_rows(listed, node)]
        audit = audits[PULL_REQUESTS.name]
        known = state.setdefault("cut", {}).get(repo.key, [])
        state["cut"][repo.key] = sorted({*known} - {listed.number for listed in some} | {*cut})
        if cut:
            numbers = ", ".join(f"#{number}" for number in sorted(cut))
            _fault(audit, f"not given whole, to be read again: {numbers}")
        if gone:
            _fault(audit, f"{len(gone):,} listed pull requests were not given")
        audit.rejected += len(cut) + len(gone)
        yield from self.batches(
            repo, audits, (PULL_REQUESTS, pulls), (COMMITS, commits), (REVIEWS, reviews)
        )

    def batches(
        self, repo: Repository, audits: Mapping[str, Audit], *parts: tuple[RawTable, list[Row]]
    ) -> Iterator[Batch]:
        """Yield rows that are only right together, and count them."""
        for table, rows in parts:
            audits[table.name].extracted += len(rows)
            audits[table.name].finished_at = datetime.now(UTC)
        for table, rows in parts:
            yield table, table.batch(rows, repo.name)

    # commits of the default branch

    def commits(
        self, state: Any, repo: Repository, audits: Mapping[str, Audit]
    ) -> Generator[Batch, None, bool]:
        """Yield the commits that came to the default branch, and those on its own line.

        What was deployed from another branch is read too, down to what is known: a deployment
        carries what its commit descends from. No date says what is new: a merge brings commits
        that are years old. A walk ends when the parents of all that it read are here. What it has
        still to read is kept in the state, so that a load that was stopped leaves no hole behind
        what is stored.
        """
        if repo.default_branch is None:
            return True
        loose = state.setdefault("loose", {}).setdefault(repo.key, [])
        stored = "select sha, first_parent from github.commits where repository = ?"
        is_again = bool(self.run.windows)
        parents = {} if self.run.full and not is_again else dict(_stored(stored, repo.name))
        gone = state.setdefault("gone", {}).setdefault(repo.key, [])
        loose[:] = sorted({*loose, *deployed_unknown().get(repo.name, ())} - set(gone))
        tip = None
        for start in (*(() if is_again else (repo.default_branch,)), *loose):
            if start in parents:
                continue
            left, others = {start} - {repo.default_branch}, set(loose) - {start}
            try:
                for page in self._history(repo, start):
                    if start == repo.default_branch:
                        tip = tip or page[0]["sha"]
                    fresh = [commit for commit in page if commit["sha"] not in parents]
                    parents |= {
                        commit["sha"]: next(iter(parents_of(commit)), None) for commit in fresh
                    }
                    left = (left | {sha for commit in fresh for sha in parents_of(commit)}) - set(
                        parents
                    )
                    loose[:] = sorted(left | others - set(parents))
                    rows = [branch_commit_row(repo, commit) for commit in fresh]
                    yield from self.batches(repo, audits, (BRANCH_COMMITS, rows))
                    if not left:
                        break
                else:  # what it did not come to is older than the start date
                    loose[:] = sorted(others - set(parents))
                    gone += {start} - {repo.default_branch} - set(parents)
            except Missing:
                if start == repo.default_branch:
                    if parents:
                        raise
                    audits[BRANCH_COMMITS.name].message = "GitHub has none (404)"
                    return True
                loose[:] = sorted(others)  # a force push dropped it
                gone.append(start)
        if tip:
            line = {sha for (sha,) in _stored(_LINE, repo.name)}
            rows = []
            while tip in parents and tip not in line:
                rows.append({"repository": repo.name, "sha": tip, "payload": {}})
                tip = parents[tip]
            yield from self.batches(repo, audits, (MAIN_LINES, rows))
        return True

    def _history(self, repo: Repository, start: str) -> Iterator[list[Row]]:
        """Yield the pages of the commits that one can be reached from, up to the start date."""
        # An empty repository is a conflict.
        place, params = f"/repos/{repo.name}/commits", {"sha": start}
        for page in pages(self.api, place, params, allow=(409, 422)):
            commits = page or []
            if self.run.start:
                commits = [
                    row for row in commits if (_committed(row) or BEGINNING) >= self.run.start
                ]
            if not commits:
                return
            yield commits

    # Actions

    def runs(
        self, state: Any, repo: Repository, audits: Mapping[str, Audit]
    ) -> Generator[Batch, None, bool]:
        """Yield the attempts, with their jobs, of runs that are new, changed or still open."""
        audit = audits[RUNS.name]
        history = self._run_history(state, repo)
        window = self.window(state, repo, audit, RUN_LOOK_BACK, timedelta(0))
        lo, hi = window.lo or BEGINNING, window.hi
        audit.api_count = 0
        audits[JOBS.name].api_count = 0
        began, seen, is_whole = time.monotonic(), 0, True
        if not self.run.windows:
            found, known = self._open_runs(state, repo, lo, audit)
            yield from self._changed(repo, audits, found, known)
        for bucket in self._buckets(repo, int(lo.timestamp()), int(hi.timestamp())):
            audit.api_count += bucket.total
            seen += len(bucket.runs)
            history.note(instant(run.get("created_at")) for run in bucket.runs)
            known = self._known_runs(repo, bucket)
            fresh = [run for run in bucket.runs if not _is_known(run, known)]
            audit.extracted += len(bucket.runs) - len(fresh)
            if bucket.fault:
                is_whole = False
                _fault(audit, bucket.fault)
            is_whole = (yield from self._changed(repo, audits, fresh, known)) and is_whole
            self.run.progress(RUNS.name, seen, None, began)
            self.room[RUNS.name] -= len(fresh)
            if is_whole:
                end = datetime.fromtimestamp(bucket.hi, UTC)
                self.run.close_window(
                    state, repo.key, Window(lo, min(end + timedelta(seconds=1), hi))
                )
                if self.room[RUNS.name] <= 0 and end < hi:
                    audit.window_to = end
                    return False
        if audit.rejected:
            _say(audit, f"earlier attempts that are not there any more: {audit.rejected:,}")
        if is_whole and not self.run.is_backfill:
            yield from self.batches(repo, audits, (HISTORY_GAPS, self._gaps(repo, history)))
        return True

    def _run_history(self, state: Any, repo: Repository) -> History:
        """Return what this load is shown of the runs, and for how long the repository keeps them.

        That is asked for where runs may have been deleted before they were ever seen.
        """
        kept = self.run.kept
        if (RUNS.name, repo.key) not in kept:
            mark = state.get("watermarks", {}).get(repo.key)
            history = kept[RUNS.name, repo.key] = History(
                mark and datetime.fromisoformat(mark),
                self.run.start,
                born=repo.created_at,
                keeps_at_most=RUNS_KEPT_AT_MOST[repo.is_public],
            )
            if not mark or self.run.server_now - history.read_to > SHORTEST_RETENTION:
                history.keeps = runs_kept(self.api, repo.name)
        return kept[RUNS.name, repo.key]

    def _gaps(self, repo: Repository, history: History) -> list[Row]:
        """Return of which times GitHub shows no runs because it has deleted them."""
        [(oldest,)] = _stored(
            "select min(epoch_us(created_at)) from github.workflow_runs where repository = ?",
            repo.name,
        )
        return history.gaps(RUNS, repo.name, self.run.server_now, self.known_gaps, moment(oldest))

    @cached_property
    def known_gaps(self) -> Gaps:
        """The gaps that are stored; each scope is asked for once a load."""
        return known_gaps(NAME, RUNS)

    def _buckets(self, repo: Repository, lo: int, hi: int) -> Iterator[Bucket]:
        """Yield the runs of a span in order of time, in pieces that the search shows whole."""
        created = f"{_stamp(lo)}..{_stamp(hi)}"
        for _ in range(3):
            found, total = self._search(repo, created=created)
            if found is None:
                if lo < hi:
                    middle = (lo + hi) // 2
                    yield from self._buckets(repo, lo, middle)
                    yield from self._buckets(repo, middle + 1, hi)
                else:
                    yield self._second(repo, lo, total)
                return
            bucket = Bucket(lo, hi, total, list(found.values()))
            if len(found) == total:
                break
        else:
            bucket.fault = f"got {len(bucket.runs):,} of {total:,} runs created {created}"
        yield bucket

    def _search(self, repo: Repository, **params: str) -> tuple[dict[int, Row] | None, int]:
        """Return the runs that a search shows, None where it does not show all, and their number.

        The number is 0 where GitHub does not even count them.
        """
        found: dict[int, Row] = {}
        for page in pages(self.api, f"/repos/{repo.name}/actions/runs", params, (422,), OBJECT):
            total = 0 if page is None else int(page["total_count"])
            if page is None or total >= SEARCH_CAP:
                return None, total
            found.update({run["id"]: run for run in page["workflow_runs"]})
        return found, total

    def _second(self, repo: Repository, second: int, total: int) -> Bucket:
        """Return the runs of one second that are more than a search shows, by status and event.

        They are all only when they are as many as the search of the whole second counts.
        """
        created = f"{_stamp(second)}..{_stamp(second)}"
        runs: dict[int, Row] = {}
        for status in RUN_STATUSES:
            found, _ = self._search(repo, created=created, status=status)
            if found is None:
                parts = [
                    self._search(repo, created=created, status=status, event=event)[0]
                    for event in RUN_EVENTS
                ]
                found = {run_id: run for part in parts if part for run_id, run in part.items()}
            runs |= found
        if len(runs) == total:
            return Bucket(second, second, total, list(runs.values()))
        count = f"{total:,}" if total else "too many"
        fault = (
            f"{count} runs were created at {_stamp(second)}: a search shows 1,000, "
            f"and those by status and event {len(runs):,}"
        )
        return Bucket(second, second, total or SEARCH_CAP, [], fault)

    def _known_runs(self, repo: Repository, bucket: Bucket) -> Known:
        """Return what is stored of the runs of a bucket."""
        if self.run.full or not bucket.runs:
            return {}
        return _known(
            "repository = ? and epoch(created_at) between ? and ?", repo.name, bucket.lo, bucket.hi
        )

    def _open_runs(
        self, state: Any, repo: Repository, lo: datetime, audit: Audit
    ) -> tuple[list[Row], Known]:
        """Read by id the stored runs that had not ended and that the look-back does not reach."""
        gone = state.setdefault("gone", {}).setdefault(repo.key, [])
        known = _known(
            """
            repository = ? and created_at < ? and id in (
                select id from github.workflow_runs where status is distinct from 'completed'
            )
            """,
            repo.name,
            lo,
        )
        ids = [run_id for run_id in known if run_id not in gone]
        replies = self.parallel(
            lambda run_id: self.api.get(
                f"/repos/{repo.name}/actions/runs/{run_id}", allow=(404, 410)
            ),
            ids,
        )
        found = []
        for run_id, reply in zip(ids, replies, strict=True):
            if reply.status == 200:
                found.append(reply.data)
            else:
                gone.append(run_id)
                audit.deleted += 1
        audit.api_count += len(found)
        return found, known

    def _changed(
        self, repo: Repository, audits: Mapping[str, Audit], runs: list[Row], known: Known
    ) -> Generator[Batch, None, bool]:
        """Yield the attempts of runs and their jobs; False when the jobs of one end too early."""
        is_whole = True
        for some in chunks(runs, CHUNK):
            parts = self.parallel(
                lambda run: self._attempts(repo, run, known.get(str(run["id"]), {})), some
            )
            for part in parts:
                audits[JOBS.name].api_count += part.job_count
                audits[RUNS.name].rejected += part.gone
                audits[JOBS.name].rejected += part.jobless
                if part.fault:
                    is_whole = False
                    for audit in audits.values():
                        _fault(audit, part.fault)
            attempts = [row for part in parts for row in part.attempts]
            jobs = [row for part in parts for row in part.jobs]
            yield from self.batches(repo, audits, (RUNS, attempts), (JOBS, jobs))
            # Counted are runs, as GitHub does, and not their attempts.
            audits[RUNS.name].extracted += sum(bool(part.attempts) for part in parts)
            audits[RUNS.name].extracted -= len(attempts)
        return is_whole

    def _attempts(
        self, repo: Repository, run: Row, known: Mapping[int, tuple[str | None, int | None]]
    ) -> "Attempts":
        """Read the attempts of a run that are not stored as ended, and the jobs of each."""
        last = attempt_of(run)
        place = f"/repos/{repo.name}/actions/runs/{run['id']}/attempts"
        part = Attempts()
        for number in range(1, last + 1):
            if number < last and known.get(number, ("",))[0] == "completed":
                continue
            body = run
            if number < last:
                reply = self.api.get(f"{place}/{number}", allow=(404, 410))
                if reply.status != 200:
                    part.gone += 1
                    continue
                body = reply.data
            try:
                jobs, total = self._jobs(f"{place}/{number}/jobs")
            except Missing:
                jobs, total = [], 0
                part.jobless += 1
            except Unavailable as failure:
                self.jobs_outage.note(failure)
                return Attempts(fault=f"{failure}; the run is read again")
            self.jobs_outage.end()
            if len(jobs) != total:
                what = f"attempt {number} of run {run['id']}"
                return Attempts(fault=f"got {len(jobs):,} of {total:,} jobs of {what}")
            part.attempts.append(run_row(repo, {**body, "run_attempt": number}))
            part.jobs += [job_row(job, str(run["id"]), number) for job in jobs]
            part.job_count += total
        return part

    def _jobs(self, place: str) -> tuple[list[Row], int]:
        """Return the jobs of an attempt, and how many GitHub counts."""
        for _ in range(2):
            listed = list(pages(self.api, place, {}, type=OBJECT))
            jobs = [job for page in listed for job in page["jobs"]]
            found = {job["id"]: job for job in jobs}
            total = int(listed[-1]["total_count"])
            # One page cannot have shifted: a job that is in it twice is counted twice.
            if len(listed) == 1 and len(jobs) == total:
                total = len(found)
            if len(found) == total:
                break
        return list(found.values()), total

    # releases and environments: few, without a time of change, and almost always the same

    def releases(
        self, state: Any, repo: Repository, audits: Mapping[str, Audit]
    ) -> Generator[Batch, None, bool]:
        """Yield all releases, if one of them changed; those that are not listed any more stay."""
        rows = self._unless_the_same(state, repo, RELEASES, audits)
        if rows is not None:
            releases = [release_row(repo, row) for row in listed_rows(rows)]
            yield from self.batches(repo, audits, (RELEASES, releases))
        return True

    def environments(
        self, state: Any, repo: Repository, audits: Mapping[str, Audit]
    ) -> Generator[Batch, None, bool]:
        """Yield all environments, if one of them changed."""
        rows = self._unless_the_same(state, repo, ENVIRONMENTS, audits)
        if rows is not None:
            found = [environment_row(repo, row) for row in listed_rows(rows, "environments")]
            yield from self.batches(repo, audits, (ENVIRONMENTS, found))
        return True

    def _unless_the_same(
        self, state: Any, repo: Repository, table: RawTable, audits: Mapping[str, Audit]
    ) -> Iterator[Any] | None:
        """Return the pages of a listing; None where it is what it was, or GitHub has none.

        A tag of the first page stands for the listing only if there is no other page, and only
        while the rows that came with it are here.
        """
        place = f"/repos/{repo.name}/{table.name}"
        [(stored,)] = _stored(
            f"select count(*) from github.{table.name} where repository = ?", repo.name
        )
        tags = state.setdefault("etags", {})
        tag = tags.get(repo.key) if stored and not self.run.full else None
        headers = {"If-None-Match": tag} if tag else None
        form = OBJECT if table is ENVIRONMENTS else ROWS
        reply = self.api.get(
            place, {"per_page": PAGE}, headers=headers, allow=(304, 404), type=form
        )
        if reply.status != 200:
            why = "the same as before (304)" if reply.status == 304 else "GitHub has none (404)"
            audits[table.name].message = why
            return None
        is_one_page = _next(reply.headers.get("Link")) is None
        tags[repo.key] = reply.headers.get("ETag") if is_one_page else None
        return _from_page(self.api, place, reply, form)

    # deployments

    def deployments(
        self, state: Any, repo: Repository, audits: Mapping[str, Audit]
    ) -> Generator[Batch, None, bool]:
        """Yield the deployments that are new, changed or still open, with all their statuses."""
        audit = audits[DEPLOYMENTS.name]
        window = self.window(state, repo, audit, DEPLOYMENT_LOOK_BACK, timedelta(0))
        listed: dict[int, Row] = {}
        for row in listed_rows(pages(self.api, f"/repos/{repo.name}/deployments", {})):
            created = instant(row.get("created_at"))
            if window.lo and created and created < window.lo:
                break
            listed.setdefault(row["id"], row)
        settled, still_open = self._stored_deployments(repo, window.lo)
        if not self.run.windows:
            for some in chunks(self._open_deployments(state, repo, still_open, audit), CHUNK):
                yield from self._with_statuses(repo, some, audits)
        changed = [
            row
            for row in sorted(listed.values(), key=lambda row: str(row.get("created_at")))
            if settled.get(str(row["id"]), -1) != _second(row.get("updated_at"))
        ]
        audit.extracted += len(listed) - len(changed)
        known = {sha for (sha,) in _stored(_COMMITS, repo.name)}
        if any(row.get("sha") not in known for row in changed):
            self.run.more = True  # once what came to the default branch is stored, too
        for start in range(0, len(changed), CHUNK):
            some, rest = changed[start : start + CHUNK], changed[start + CHUNK :]
            yield from self._with_statuses(repo, some, audits)
            self.room[DEPLOYMENTS.name] -= len(some)
            if rest and (hi := instant(rest[0].get("created_at"))):
                self.run.close_window(state, repo.key, Window(window.lo, hi))
                if self.room[DEPLOYMENTS.name] <= 0:
                    audit.window_to = hi
                    return False
        self.run.close_window(state, repo.key, window)
        return True

    def _stored_deployments(
        self, repo: Repository, lo: datetime | None
    ) -> tuple[dict[str, int | None], dict[str, int | None]]:
        """Return the second of the last update of those that ended, and of the older open ones."""
        settled: dict[str, int | None] = {}
        still_open: dict[str, int | None] = {}
        for row_id, updated, is_ended, is_listed in _stored(
            """
            with last_states as (
                select deployment_id, lower(state) as state
                from github.deployment_statuses
                qualify created_at = max(created_at) over (partition by deployment_id)
            )
            select
                id,
                epoch(updated_at)::bigint,
                coalesce(bool_or(list_contains(?, state)), false),
                ?::timestamptz is null or created_at >= ?::timestamptz
            from github.deployments
            left join last_states on deployment_id = id
            where repository = ?
            group by id, updated_at, created_at
            """,
            list(ENDED_DEPLOYMENTS),
            lo,
            lo,
            repo.name,
        ):
            if is_ended and is_listed and not self.run.full:
                settled[row_id] = updated
            elif not is_ended and not is_listed:
                still_open[row_id] = updated
        return settled, still_open

    def _open_deployments(
        self, state: Any, repo: Repository, known: Mapping[str, int | None], audit: Audit
    ) -> list[Row]:
        """Read by id the open deployments that the look-back does not reach; return the changed."""
        gone = state.setdefault("gone", {}).setdefault(repo.key, [])
        ids = [row_id for row_id in known if row_id not in gone]
        replies = self.parallel(
            lambda row_id: self.api.get(
                f"/repos/{repo.name}/deployments/{row_id}", allow=(404, 410)
            ),
            ids,
        )
        changed = []
        for row_id, reply in zip(ids, replies, strict=True):
            if reply.status != 200:
                gone.append(row_id)
                audit.deleted += 1
            elif _second(reply.data.get("updated_at")) != known[row_id]:
                changed.append(reply.data)
        return changed

    def _with_statuses(
        self, repo: Repository, some: list[Row], audits: Mapping[str, Audit]
    ) -> Iterator[Batch]:
        def statuses(deployment: Row) -> list[Row]:
            place = f"/repos/{repo.name}/deployments/{deployment['id']}/statuses"
            try:
                rows = list(listed_rows(pages(self.api, place, {})))
            except Missing:
                rows = []
                audits[STATUSES.name].rejected += 1
            return [status_row(row, str(deployment["id"])) for row in rows]

        found = [row for part in self.parallel(statuses, some) for row in part]
        unique = list({row["status_key"]: row for row in found}.values())
        rows = [deployment_row(repo, row) for row in some]
        yield from self.batches(repo, audits, (DEPLOYMENTS, rows), (STATUSES, unique))


_COMMITS = "select sha from github.commits where repository = ?"
_LINE = "select sha from github.main_lines where repository = ?"


def deployed_unknown() -> dict[str, list[str]]:
    """Return by repository the commits that were deployed and are not stored."""
    return dict(
        _stored(
            """
            select repository, list(distinct sha order by sha) from github.deployments
            where sha is not null and (repository, sha) not in (
                select (repository, sha) from github.commits
            )
            group by 1
            """
        )
    )


def _committed(commit: Row) -> datetime | None:
    return instant(((commit.get("commit") or {}).get("committer") or {}).get("date"))


@dataclass
class Attempts:
    """What was read of one run."""

    attempts: list[Row] = field(default_factory=list)
    jobs: list[Row] = field(default_factory=list)
    job_count: int = 0
    gone: int = 0
    jobless: int = 0
    fault: str = ""


def _known(condition: str, *values: Any) -> Known:
    """Return what is stored of runs."""
    known: Known = {}
    for run_id, attempt, status, updated in _stored(
        f"""
        select id, run_attempt, status, epoch(updated_at)::bigint from github.workflow_runs
        where {condition}
        """,
        *values,
    ):
        known.setdefault(run_id, {})[attempt] = status, updated
    return known


def _is_known(run: Row, known: Known) -> bool:
    """Whether a run is stored as it is; an open one never is, since its jobs move on."""
    stored = known.get(str(run["id"]), {}).get(attempt_of(run))
    return stored == ("completed", _second(run.get("updated_at")))


def _fault(audit: Audit, message: str) -> None:
    audit.status = "incomplete"
    _say(audit, message)


def _say(audit: Audit, message: str) -> None:
    audit.message = "; ".join(filter(None, (audit.message, message)))


def _stamp(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def chunks(items: Sequence[Item], size: int) -> Iterator[list[Item]]:
    """Yield pieces of at most `size` items."""
    for start in range(0, len(items), size):
        yield list(items[start : start + size])

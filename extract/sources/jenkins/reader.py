"""The jobs in folders to any depth, their builds, and the stages of these."""

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

import dlt
import pyarrow as pa
from dlt.sources import DltSource

from extract import raw_store
from extract.api import Api, FailureStreak, Forbidden, IncompleteRead, Unavailable
from extract.gaps import FOREVER, History, Known, known_gaps, moment
from extract.run import Audit, LoadRun
from extract.settings import setting_name
from extract.sources.jenkins.client import (
    BUILD,
    NO_PLUGIN,
    STAGE_PATHS,
    builds_of,
    connect,
    path_of,
    server_time,
)
from extract.sources.jenkins.rows import (
    PIPELINE_RUN,
    Job,
    build_row,
    shown_branch,
    stage_rows,
    stages_in,
)
from extract.sources.jenkins.settings import JenkinsSettings
from extract.sources.jenkins.tables import BUILDS, HISTORY_GAPS, JOBS, NAME, STAGES, TABLES
from extract.tables import Batch, instant, resource

LISTED = "jobs[name,builds[number,timestamp]{0,10},jobs[name]{0,1}]"

MOST_IN_WINDOW = 20_000

DEEPEST = 30

CONCURRENT_REQUESTS = 2
"""Jenkins has no rate limit to go by, and reads builds from its disk."""

MOST_TRIES, TRIED_FOR = 5, timedelta(days=30)
"""How many loads at least, and how long after its start at least, ask for the stages of a build
until it counts as broken."""

MOST_WITHOUT_STAGES = 20
"""After so many 404 and no stage at all the plugin that shows them in a place is not there."""

MULTIBRANCH = "WorkflowMultiBranchProject"


@dataclass
class Reader:
    """What the tables of one load share."""

    run: LoadRun
    api: Api
    jobs: list[Job] = field(default_factory=list)
    counted: dict[str, Audit] = field(default_factory=dict)
    stages: Audit | None = None
    without_stages: dict[str, int] = field(default_factory=lambda: dict.fromkeys(STAGE_PATHS, 0))
    """How many builds have no stages in a place; one that never had any is given up."""
    with_stages: list[str] = field(default_factory=list)
    first: dict[str, tuple[Mapping[str, Any], list[list[int]]]] = field(default_factory=dict)
    """The oldest build that Jenkins has of a job, and what was known of the job before."""
    outage: FailureStreak = field(default_factory=FailureStreak)
    silent: list[Unavailable] = field(default_factory=list)
    """What the last builds in a row failed with that were asked for their stages."""

    def list_jobs(self, folders: list[str] | None) -> None:
        """List the jobs of the chosen folders; one that cannot be read is a failed scope."""
        for folder in folders or [""]:
            try:
                name = folder.strip("/")
                self.jobs += self._jobs_below(name, name)
            except (Forbidden, IncompleteRead) as failure:
                if not folders:
                    raise
                where = setting_name(NAME, "folders")
                self.run.audit("jobs", scope=name, status="failed", message=f"{where}: {failure}")

    def _jobs_below(
        self, folder: str, shown: str, is_multibranch: bool = False, depth: int = 0
    ) -> Iterator[Job]:
        """Yield the jobs below a folder, level by level; "" is the front page.

        A folder inside that cannot be read is a failed scope, and the others go on.

        Raises:
            IncompleteRead: The folder is gone, or folders lie in each other without end.
            Unavailable: Jenkins gives no answer for the folder.
        """
        if depth > DEEPEST:
            raise IncompleteRead(f"jenkins: folders lie more than {DEEPEST} deep in each other")
        path = f"{path_of(folder) if folder else ''}/api/json"
        reply = self.api.get(path, {"tree": LISTED}, allow=(404,))
        self.outage.end()
        if reply.status == 404:
            raise IncompleteRead("jenkins: a folder is not there, or not visible to this user")
        jobs = reply.data.get("jobs")
        if not isinstance(jobs, list):
            raise IncompleteRead("jenkins: a folder is shown without its jobs")
        for item in jobs:
            name = str(item["name"])
            full_name = f"{folder}/{name}" if folder else name
            part = shown_branch(name) if is_multibranch else name
            shown_name = f"{shown}/{part}" if shown else part
            kind = str(item.get("_class") or "").rpartition(".")[2]
            if not isinstance(item.get("jobs"), list):
                newest = [[int(b["number"]), int(b["timestamp"])] for b in item.get("builds") or []]
                yield Job(full_name, shown_name, shown_name.partition("/")[0], kind, newest)
                continue
            try:
                yield from self._jobs_below(full_name, shown_name, kind == MULTIBRANCH, depth + 1)
            except (Forbidden, IncompleteRead, Unavailable) as failure:
                self.run.audit("jobs", scope=shown_name, status="failed", message=str(failure))
                self.outage.note(failure)

    def audit(self, scope: str) -> Audit:
        """Return the note that counts the builds of a top-level folder or job."""
        if scope not in self.counted:
            self.counted[scope] = self.run.audit(
                "builds", scope=scope, window_from=self.run.start, window_to=self.run.server_now
            )
        return self.counted[scope]

    def everything(self) -> Iterator[Batch]:
        """Yield the jobs, and builds with what belongs to them."""
        if not self.run.windows:
            yield self.known_jobs()
        for builds in self.builds():
            yield BUILDS, builds
            yield from self.stages_of(builds)
            yield from self.gaps_of(builds)

    def builds(self) -> Iterator[pa.Table]:
        """Yield the new builds of every job, and those that ran when they were last seen."""
        state, began = dlt.current.resource_state(), time.monotonic()
        heads, running = state.setdefault("heads", {}), state.setdefault("running", {})
        read = 0
        for job in self.jobs:
            known = heads.get(job.shown) or []
            is_full = self.run.full and not self.run.windows
            open_rows, owed = running.get(job.shown) or {}, list(_owed().get(job.shown, ()))
            if job.newest == known and not open_rows and not owed and not is_full:
                continue
            audit, ran = self.audit(job.scope), {}
            try:
                for table, rows in self._builds_of(job, [] if is_full else known, open_rows, owed):
                    yield table
                    read += len(rows)
                    audit.extracted += len(rows)
                    ran |= {_mark(row): row for row in rows if row["is_building"]}
                    self.run.progress("builds", read, None, began)
            except (Forbidden, IncompleteRead, Unavailable) as failure:
                audit.status, audit.message = "failed", str(failure)
                self.outage.note(failure)
                continue
            self.outage.end()
            heads[job.shown] = job.newest
            running[job.shown] = {mark: _plain(row) for mark, row in ran.items()}
            if not running[job.shown]:
                del running[job.shown]
            if read >= MOST_IN_WINDOW:
                self.run.more = True
                return

    def _builds_of(
        self,
        job: Job,
        known: list[list[int]],
        open_rows: Mapping[str, Mapping[str, Any]],
        owed: list[str],
    ) -> Iterator[tuple[pa.Table, list[dict[str, Any]]]]:
        """Yield a job's rows in tables: what is new, then what ran before and was not seen now.

        With the latter come the builds that owe their stages.
        """
        seen: set[str] = set()
        if job.newest != known:
            for first, page in builds_of(self.api, job, known, self.run.start):
                rows = [build_row(job, build) for build in page]
                seen.update(map(_mark, rows))
                self.first[job.shown] = first, known
                yield BUILDS.batch(rows, job.scope), rows
        rows = [self._polled(job, row) for mark, row in open_rows.items() if mark not in seen]
        for mark in [mark for mark in owed if mark not in seen and mark not in open_rows]:
            row = self._build(job, mark)
            if row:
                rows.append(row)
            else:  # discarded since
                _settle(job.shown, mark)
        if rows:
            yield BUILDS.batch(rows, job.scope), rows

    def _build(self, job: Job, mark: str) -> dict[str, Any] | None:
        """Ask for a build by number; None when it is gone, or is another one by now."""
        number = mark.partition(":")[0]
        path = f"{path_of(job.full_name)}/{number}/api/json"
        reply = self.api.get(path, {"tree": BUILD}, allow=(404,))
        row = build_row(job, reply.data) if reply.status == 200 else None
        return row if row and _mark(row) == mark else None

    def _polled(self, job: Job, open_row: Mapping[str, Any]) -> dict[str, Any]:
        """Ask for a build that ran; one that is gone has ended, nobody knows how."""
        row = self._build(job, _mark(open_row))
        if row:
            return row
        self.audit(job.scope).deleted += 1
        started_at = datetime.fromisoformat(open_row["started_at"])
        return {**open_row, "started_at": started_at, "is_building": False, "result": "VANISHED"}

    def stages_of(self, builds: pa.Table) -> Iterator[Batch]:
        """Yield the stages of a table of builds."""
        if self.stages is None:
            self.stages = self.run.audit("stages", window_to=self.run.server_now)
        paths = {job.shown: path_of(job.full_name) for job in self.jobs}
        rows = builds.select(
            ["job_full_name", "number", "started_at", "class", "_scope"]
        ).to_pylist()
        rows = [row for row in rows if row["class"] == PIPELINE_RUN]
        if not rows:
            return

        def describe(row: Mapping[str, Any]) -> Any:
            failures = [*self.silent]
            if len(failures) >= FailureStreak.MOST:  # left for the next load
                return failures[-1]
            try:
                return self._described(f"{paths[row['job_full_name']]}/{row['number']}")
            except Unavailable as failure:
                self.silent.append(failure)
                return failure

        with ThreadPoolExecutor(CONCURRENT_REQUESTS) as pool:
            answers = list(pool.map(describe, rows))
        found: list[dict[str, Any]] = []
        for row, answer in zip(rows, answers, strict=True):
            job, mark = row["job_full_name"], _mark(row)
            tries = _settle(job, mark) + 1
            if not isinstance(answer, Unavailable):
                found += stage_rows(row, stages_in(answer))
            elif tries < MOST_TRIES or self.run.server_now - row["started_at"] < TRIED_FOR:
                _owed().setdefault(job, {})[mark] = tries
                self.stages.status, self.stages.message = "incomplete", f"{answer}; asked again"
            else:
                self.stages.rejected += 1
        self.stages.rejected += sum(answer is None for answer in answers)
        self.stages.extracted += len(found)
        if self.stages.rejected and self.stages.status == "complete":
            self.stages.message = (
                f"{self.stages.rejected:,} builds without stages: discarded, or broken"
                if self.with_stages
                else f"no stages: {NO_PLUGIN}"
            )
        yield STAGES, STAGES.batch(found, rows[0]["_scope"])

    def _described(self, build: str) -> Any:
        """Return what a plugin tells of the stages of a build; None where none tells anything.

        Raises:
            Unavailable: Jenkins gives no answer.
        """
        unlikely = [p for p in STAGE_PATHS if p not in self.with_stages]
        for path in (*self.with_stages, *unlikely):
            if self.without_stages[path] >= MOST_WITHOUT_STAGES and path in unlikely:
                continue
            reply = self.api.get(f"{build}/{path}", allow=(404,))
            self.silent.clear()
            if reply.status == 200:
                if path in unlikely:
                    self.with_stages.append(path)
                return reply.data or {}
            self.without_stages[path] += 1
        return None

    @cached_property
    def stored(self) -> tuple[Known, dict[str, datetime | None]]:
        """The gaps that are stored, and the start of the oldest stored build of every job."""
        oldest = raw_store.rows(
            NAME, "select job_full_name, min(epoch_us(started_at)) from jenkins.builds group by 1"
        )
        return known_gaps(NAME, BUILDS), {name: moment(started) for name, started in oldest}

    def gaps_of(self, builds: pa.Table) -> Iterator[Batch]:
        """Yield of which times a job's builds were discarded before a load saw them.

        Numbers tell: the first build of all is 1, and each has the one after the last one's.
        """
        for name in set(builds["job_full_name"].to_pylist()) & self.first.keys():
            first, known = self.first.pop(name)
            started = instant(first.get("timestamp"))
            if started is None:
                continue
            last, last_started = max(known, default=(0, None))
            history = History(
                instant(last_started) if int(first["number"]) > last + 1 else None,
                self.run.start,
                oldest=max(filter(None, (started, self.run.start))),
                keeps=FOREVER if int(first["number"]) == 1 else self.run.server_now - started,
            )
            gaps, oldest = self.stored
            rows = history.gaps(BUILDS, name, self.run.server_now, gaps, oldest.get(name))
            if rows:
                yield HISTORY_GAPS, HISTORY_GAPS.batch(rows, builds["_scope"][0].as_py())

    def known_jobs(self) -> Batch:
        """Return the jobs that Jenkins shows."""
        self.run.audit(
            "jobs",
            window_to=self.run.server_now,
            api_count=len(self.jobs),
            extracted=len(self.jobs),
            # None at all is a lost permission, not an empty Jenkins; what we have stays.
            status="complete" if self.jobs else "incomplete",
            message="" if self.jobs else "Jenkins shows no job to this user",
        )
        rows = [{"full_name": job.shown, "class": job.kind, "payload": {}} for job in self.jobs]
        return JOBS, JOBS.batch(rows)


def _owed() -> dict[str, dict[str, int]]:
    """Return by job the builds whose stages Jenkins failed on, and how often; to be changed."""
    return dlt.current.source_state().setdefault("owed", {})


def _settle(job: str, mark: str) -> int:
    """Strike a build off those that owe their stages; return how often it was tried."""
    owed = _owed()
    tries = owed.get(job, {}).pop(mark, 0)
    if job in owed and not owed[job]:
        del owed[job]
    return tries


def _mark(row: Mapping[str, Any]) -> str:
    """Return what names a build within its job: its number and its start."""
    started = row["started_at"]
    return f"{row['number']}:{started if isinstance(started, str) else started.isoformat()}"


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row as the state can hold it."""
    return {**row, "started_at": row["started_at"].isoformat()}


def build(run: LoadRun, config: JenkinsSettings) -> DltSource:
    """Return the source with every build that is new or has gone on since the last load."""
    api = connect(config)
    run.server_now = server_time(api)
    reader = Reader(run, api)
    reader.list_jobs(config.folders)

    @dlt.source(name=NAME, max_table_nesting=0)
    def jenkins() -> Iterator[Any]:
        yield resource(BUILDS.name, TABLES, reader.everything)

    return jenkins()

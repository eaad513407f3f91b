"""Actions: runs with their attempts and jobs.

Runs can be searched by creation only, at most 1,000 a search: windows are halved until they are
smaller, and a window counts as read when as many runs came as the search counts. Each load looks
back 31 days for re-runs. Open runs are read by id until they end, however old.
"""

import time
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from extract.api import OBJECT, FailureStreak, Unavailable
from extract.gaps import History, known_gaps, moment
from extract.gaps import Known as Gaps
from extract.run import Audit
from extract.sources.github.client import Missing, pages, runs_kept
from extract.sources.github.rows import Repository, Row, attempt_of, job_row, run_row
from extract.sources.github.shared import CHUNK, chunks, note_fault, say, second_of, stored_rows
from extract.sources.github.tables import HISTORY_GAPS, JOBS, NAME, RUNS
from extract.tables import Batch, instant
from extract.windows import BEGINNING, Window

if TYPE_CHECKING:
    from extract.sources.github.reader import Reader


RUN_LOOK_BACK = timedelta(days=31)
"""Runs can be started again for 30 days after their first attempt."""

RUNS_KEPT_AT_MOST = {True: timedelta(days=90), False: timedelta(days=400)}
"""For how long a repository can keep its runs, by whether it is public. From October 2026 on GitHub
deletes them, with their checks, after the time that the repository sets for logs."""

SHORTEST_RETENTION = timedelta(days=1)

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

Known = dict[str, dict[int, tuple[str | None, int | None]]]
"""Status and second of the last update of the stored attempts, by run and attempt."""


@dataclass
class Bucket:
    """The runs that were created from one second to another, both inclusive."""

    lo: int
    hi: int
    total: int
    runs: list[Row]
    fault: str = ""


@dataclass
class Runs:
    """Reads runs."""

    reader: "Reader"
    jobs_outage: FailureStreak = field(default_factory=FailureStreak)

    def runs(
        self, state: Any, repo: Repository, audits: Mapping[str, Audit]
    ) -> Generator[Batch, None, bool]:
        """Yield the attempts, with their jobs, of runs that are new, changed or still open."""
        audit = audits[RUNS.name]
        history = self._run_history(state, repo)
        window = self.reader.window(state, repo, audit, RUN_LOOK_BACK, timedelta(0))
        lo, hi = window.lo or BEGINNING, window.hi
        audit.api_count = 0
        audits[JOBS.name].api_count = 0
        began, seen, is_complete = time.monotonic(), 0, True
        if not self.reader.run.windows:
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
                is_complete = False
                note_fault(audit, bucket.fault)
            is_complete = (yield from self._changed(repo, audits, fresh, known)) and is_complete
            self.reader.run.progress(RUNS.name, seen, None, began)
            self.reader.room[RUNS.name] -= len(fresh)
            if is_complete:
                end = datetime.fromtimestamp(bucket.hi, UTC)
                self.reader.run.close_window(
                    state, repo.key, Window(lo, min(end + timedelta(seconds=1), hi))
                )
                if self.reader.room[RUNS.name] <= 0 and end < hi:
                    audit.window_to = end
                    return False
        if audit.rejected:
            say(audit, f"earlier attempts that are not there any more: {audit.rejected:,}")
        if is_complete and not self.reader.run.is_backfill:
            yield from self.reader.batches(repo, audits, (HISTORY_GAPS, self._gaps(repo, history)))
        return True

    def _run_history(self, state: Any, repo: Repository) -> History:
        """Return what this load is shown of the runs, and for how long the repository keeps them.

        That is asked for where runs may have been deleted before they were ever seen.
        """
        kept = self.reader.run.kept
        if (RUNS.name, repo.key) not in kept:
            mark = state.get("watermarks", {}).get(repo.key)
            history = kept[RUNS.name, repo.key] = History(
                mark and datetime.fromisoformat(mark),
                self.reader.run.start,
                born=repo.created_at,
                keeps_at_most=RUNS_KEPT_AT_MOST[repo.is_public],
            )
            if not mark or self.reader.run.server_now - history.read_to > SHORTEST_RETENTION:
                history.keeps = runs_kept(self.reader.api, repo.name)
        return kept[RUNS.name, repo.key]

    def _gaps(self, repo: Repository, history: History) -> list[Row]:
        """Return of which times GitHub shows no runs because it has deleted them."""
        [(oldest,)] = stored_rows(
            "select min(epoch_us(created_at)) from github.workflow_runs where repository = ?",
            repo.name,
        )
        return history.gaps(
            RUNS, repo.name, self.reader.run.server_now, self.known_gaps, moment(oldest)
        )

    @cached_property
    def known_gaps(self) -> Gaps:
        """The gaps that are stored; each scope is asked for once a load."""
        return known_gaps(NAME, RUNS)

    def _buckets(self, repo: Repository, lo: int, hi: int) -> Iterator[Bucket]:
        """Yield the runs of a span in order of time, in pieces that the search shows completely."""
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
        for page in pages(
            self.reader.api, f"/repos/{repo.name}/actions/runs", params, (422,), OBJECT
        ):
            total = 0 if page is None else int(page["total_count"])
            if page is None or total >= SEARCH_CAP:
                return None, total
            found.update({run["id"]: run for run in page["workflow_runs"]})
        return found, total

    def _second(self, repo: Repository, second: int, total: int) -> Bucket:
        """Return the runs of one second that are more than a search shows, by status and event.

        They are complete only if the search of the full second counts as many.
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
        if self.reader.run.full or not bucket.runs:
            return {}
        return known_runs(
            "repository = ? and epoch(created_at) between ? and ?", repo.name, bucket.lo, bucket.hi
        )

    def _open_runs(
        self, state: Any, repo: Repository, lo: datetime, audit: Audit
    ) -> tuple[list[Row], Known]:
        """Read by id the stored runs that had not ended and that the look-back does not reach."""
        gone = state.setdefault("gone", {}).setdefault(repo.key, [])
        known = known_runs(
            """
            repository = ? and created_at < ? and id in (
                select id from github.workflow_runs where status is distinct from 'completed'
            )
            """,
            repo.name,
            lo,
        )
        ids = [run_id for run_id in known if run_id not in gone]
        replies = self.reader.parallel(
            lambda run_id: self.reader.api.get(
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
        is_complete = True
        for some in chunks(runs, CHUNK):
            parts = self.reader.parallel(
                lambda run: self._attempts(repo, run, known.get(str(run["id"]), {})), some
            )
            for part in parts:
                audits[JOBS.name].api_count += part.job_count
                audits[RUNS.name].rejected += part.gone
                audits[JOBS.name].rejected += part.jobless
                if part.fault:
                    is_complete = False
                    for audit in audits.values():
                        note_fault(audit, part.fault)
            attempts = [row for part in parts for row in part.attempts]
            jobs = [row for part in parts for row in part.jobs]
            yield from self.reader.batches(repo, audits, (RUNS, attempts), (JOBS, jobs))
            # Counted are runs, as GitHub does, and not their attempts.
            audits[RUNS.name].extracted += sum(bool(part.attempts) for part in parts)
            audits[RUNS.name].extracted -= len(attempts)
        return is_complete

    def _attempts(
        self, repo: Repository, run: Row, known: Mapping[int, tuple[str | None, int | None]]
    ) -> "Attempts":
        """Read the attempts of a run that are not stored as ended, and the jobs of each."""
        last = attempt_of(run)
        path = f"/repos/{repo.name}/actions/runs/{run['id']}/attempts"
        part = Attempts()
        for number in range(1, last + 1):
            if number < last and known.get(number, ("",))[0] == "completed":
                continue
            body = run
            if number < last:
                reply = self.reader.api.get(f"{path}/{number}", allow=(404, 410))
                if reply.status != 200:
                    part.gone += 1
                    continue
                body = reply.data
            try:
                jobs, total = self._jobs(f"{path}/{number}/jobs")
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

    def _jobs(self, path: str) -> tuple[list[Row], int]:
        """Return the jobs of an attempt, and how many GitHub counts."""
        for _ in range(2):
            listed = list(pages(self.reader.api, path, {}, type=OBJECT))
            jobs = [job for page in listed for job in page["jobs"]]
            found = {job["id"]: job for job in jobs}
            total = int(listed[-1]["total_count"])
            # One page cannot have shifted: a job that is in it twice is counted twice.
            if len(listed) == 1 and len(jobs) == total:
                total = len(found)
            if len(found) == total:
                break
        return list(found.values()), total


@dataclass
class Attempts:
    """What was read of one run."""

    attempts: list[Row] = field(default_factory=list)
    jobs: list[Row] = field(default_factory=list)
    job_count: int = 0
    gone: int = 0
    jobless: int = 0
    fault: str = ""


def known_runs(condition: str, *values: Any) -> Known:
    """Return what is stored of runs."""
    known: Known = {}
    for run_id, attempt, status, updated in stored_rows(
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
    return stored == ("completed", second_of(run.get("updated_at")))


def _stamp(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

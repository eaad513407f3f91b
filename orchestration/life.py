"""Which runs of Dagster are alive, and the end of those that are not.

A run holds the lock of a file for as long as its process lives: the kernel lets go of it, however
the process ends. A number of a process may have been given to another one since, and means nothing
in another container.
"""

import time
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.launcher import CheckRunHealthResult, DefaultRunLauncher, WorkerStatus
from dagster._core.storage.dagster_run import RunRecord
from filelock import FileLock

from extract.raw_store import home
from orchestration.gate import is_held
from orchestration.outcome import KILLED

LIFE_SIGN = "flowhouse/life_sign"
"""The tag that names the file whose lock a run holds."""

SIGN_WITHIN_S = 300
"""A run that has not given a sign of life for so long after it began was killed before it could."""

JOBS = ("refresh", "backfill", "__ASSET_JOB")
"""How the names of our jobs begin; a Dagster instance may have those of others."""

UNENDED = [
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]

_held: list[FileLock] = []
"""Locks that stay until the process ends: after its last step a run still has to say so."""


def give_sign(instance: dg.DagsterInstance, run_id: str) -> None:
    """Hold a lock for a run from now on, and tell Dagster which."""
    file = home() / "runs" / f"{run_id}.lock"
    file.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(file, timeout=0, thread_local=False)
    lock.acquire()
    _held.append(lock)
    instance.add_run_tags(run_id, {LIFE_SIGN: str(file)})


def end_dead_runs(instance: dg.DagsterInstance) -> list[str]:
    """End the runs that count as running and are not alive, and return their ids.

    Else each of them would count as the one run that there may be, for ever.
    """
    ended = []
    records = instance.get_run_records(dg.RunsFilter(statuses=UNENDED))
    for record in records:
        run = record.dagster_run
        if is_alive(record) or instance.get_run_by_id(run.run_id).is_finished:
            continue
        if run.status == dg.DagsterRunStatus.CANCELING:
            instance.report_run_canceled(run, KILLED)
        else:
            instance.report_run_failed(run, KILLED)
        ended.append(run.run_id)
    unended = {record.dagster_run.run_id for record in records} - {*ended}
    for file in (home() / "runs").glob("*.lock"):
        if file.stem not in unended:
            file.unlink(missing_ok=True)
    return ended


def is_alive(record: RunRecord) -> bool:
    """Whether the process of a run still lives, for all that can be seen from here."""
    run = record.dagster_run
    sign = run.tags.get(LIFE_SIGN)
    if sign is None:
        since = record.start_time or record.update_timestamp.timestamp()
        is_young = abs(time.time() - since) < SIGN_WITHIN_S  # also after a clock was set back
        return is_young or not run.job_name.startswith(JOBS)
    file = Path(sign)
    if not file.exists():  # it lies in a place that this process, or container, cannot see
        return True
    return is_held(file)


class Launcher(DefaultRunLauncher):
    """Dagster's own launcher, which also knows whether a run that it monitors is alive."""

    @property
    def supports_check_run_worker_health(self) -> bool:
        """It does; Dagster's daemon then fails the runs that are dead."""
        return True

    def check_run_worker_health(self, run: Any) -> CheckRunHealthResult:
        """Say whether the process of a run lives."""
        record = self._instance.get_run_record_by_id(run.run_id)
        if record is None or is_alive(record):
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(WorkerStatus.FAILED, KILLED)

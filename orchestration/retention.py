"""Deletes what older refreshes left behind.

Published versions have a number of their own (FLOWHOUSE_KEEP_VERSIONS); the rows
of sources are the warehouse and stay.
"""

import os
import shutil
from pathlib import Path

import dagster as dg
from dagster._core.storage.dagster_run import FINISHED_STATUSES
from dagster._core.storage.event_log import SqlEventLogStorage
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable

from extract.raw_store import home

KEPT_RUNS = 90
"""About a season of nightly refreshes; each leaves some 10 MB of events."""

MOST_AT_ONCE = 20
"""An old home has hundreds too many: they go bit by bit, for a refresh must not wait for them."""

ENDED = dg.RunsFilter(statuses=FINISHED_STATUSES)


def prune(instance: dg.DagsterInstance) -> list[str]:
    """Delete the oldest of the ended runs that are too many, and return their ids."""
    kept = int(os.environ.get("FLOWHOUSE_KEEP_RUNS") or KEPT_RUNS)
    too_many = min(instance.get_runs_count(ENDED) - kept, MOST_AT_ONCE)
    if too_many <= 0:
        return []
    old = [run.run_id for run in instance.get_runs(ENDED, ascending=True, limit=too_many)]
    for run_id in old:
        instance.delete_run(run_id)
        _delete_checks(instance, run_id)
        shutil.rmtree(home() / "dagster" / "storage" / run_id, ignore_errors=True)
        (home() / "expectations" / f"{run_id}.json").unlink(missing_ok=True)
    _delete_rests(instance)
    return old


def _delete_checks(instance: dg.DagsterInstance, run_id: str) -> None:
    """Delete what Dagster keeps of the checks of a run; it forgets to."""
    storage = instance.event_log_storage
    if isinstance(storage, SqlEventLogStorage):
        checks = AssetCheckExecutionsTable
        with storage.index_connection() as connection:
            connection.execute(checks.delete().where(checks.c.run_id == run_id))


def _delete_rests(instance: dg.DagsterInstance) -> None:
    """Delete what killed refreshes left, of which no run tells any more."""
    for rest in [*(home() / "dbt").glob("run-*"), *(home() / "expectations").glob("*-*.json")]:
        if instance.get_run_by_id(rest.stem.removeprefix("run-")) is None:
            _delete(rest)


def _delete(rest: Path) -> None:
    if rest.is_dir():
        shutil.rmtree(rest, ignore_errors=True)
    else:
        rest.unlink(missing_ok=True)

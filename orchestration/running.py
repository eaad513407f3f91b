"""One refresh in this process: the gate, a Dagster job, and what came of it.

The command calls it; the jobs are those that schedules and the browser start, and
`RefreshOptions` (orchestration/ingestion.py) passes the same gate and notes the same outcome.
"""

import gc
import logging
import os
import time
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import click

from orchestration import gate
from orchestration.gate import FAILED

PARTIAL = 3

DAMAGED_STORE = "Dagster's store was damaged; run the refresh again"

log = logging.getLogger("flowhouse")


def refresh(
    job: Callable[[], Any], request: gate.RefreshRequest, full: bool = False
) -> tuple[int, list[str]]:
    """Pass the gate and run a job that refreshes; return the exit code and its reasons.

    Raises:
        gate.Stopped: Another refresh runs, or the configuration is faulty.
    """
    try:
        with gate.pass_gate(request):
            return run_job(job, request, full)
    except gate.Stopped as stopped:
        from orchestration import outcome

        if not stopped.is_busy:
            outcome.note_refusal(outcome.Outcome("", outcome.COMMAND, outcome.now()), stopped.lines)
            _tell("a refresh did not begin", stopped.lines)
        raise
    except Exception as error:
        lines = [DAMAGED_STORE] if _has_damaged_store(error) else []
        _tell("a refresh failed", lines or [type(error).__name__])
        if not lines:
            raise
        return FAILED, lines


def _tell(what: str, lines: Sequence[str]) -> None:
    """Tell of what never came to a run, or has broken one off."""
    from orchestration import alerts

    alerts.from_command(lambda: alerts.send(f"flowhouse: {what} (the command line)", [*lines]))


def _has_damaged_store(error: Exception) -> bool:
    """Whether an error comes of Dagster's store, which is damaged; it is set aside."""
    if "DatabaseError" not in type(error).__name__:
        return False
    from orchestration import event_log

    broken = event_log.damaged(Path(os.environ["DAGSTER_HOME"]), to_the_end=True)
    for folder in broken:
        event_log.set_aside(folder)
    return bool(broken)


def run_job(
    job: Callable[[], Any], request: gate.RefreshRequest, full: bool
) -> tuple[int, list[str]]:
    """Run a job in this process and say what came out; return the exit code and its reasons."""
    began = time.monotonic()
    from orchestration.termination import end_process_tree, stay_if_asked_to_end

    end_process_tree()
    import dagster as dg

    from orchestration import alerts, duty, environment, outcome
    from orchestration.definitions import loaded
    from orchestration.failures import INTERRUPTED, NOT_PUBLISHED
    from orchestration.status import warnings

    loaded()
    gc.freeze()  # what is imported stays: no collection looks through it, here or in what is forked
    with dg.DagsterInstance.get() as instance:
        result = dg.execute_job(
            dg.reconstructable(job),
            instance=instance,
            run_config={
                "resources": {
                    "refresh": {
                        "config": {
                            "sources": list(request.sources),
                            "as_of": request.as_of,
                            "full": full,
                            "span": list(request.span),
                        }
                    }
                },
                "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
            },
            tags={outcome.STARTED_BY: outcome.COMMAND},
        )
        came = outcome.last()
        if came and came.refresh_id != result.run_id:
            came = None
        lines = list(came.lines) if came else []
        if not result.success and INTERRUPTED not in lines:
            alerts.from_command(lambda: duty.tell_of_run(instance, result.run_id))
    is_published = result.success or (came and came.outcome == outcome.PARTIAL)
    if not is_published:
        if INTERRUPTED in lines:
            stay_if_asked_to_end()
        return FAILED, lines or ["the refresh failed; see `make dev`", NOT_PUBLISHED]
    for warning in warnings(result.run_id):
        log.warning("warning: %s", warning)
    click.echo(f"published  {environment.published_folder() / 'warehouse.duckdb'}")
    click.echo(f"report     {environment.report_file()}")
    click.echo(f"refresh    {result.run_id} in {time.monotonic() - began:.0f} s")
    return (PARTIAL if lines else 0), lines


def refresh_job() -> Any:
    """Return the Dagster job; Dagster asks for it through this function, several times."""
    return _resolved("refresh")


def backfill_job() -> Any:
    """Return the job that reads a window again."""
    return _resolved("backfill")


@cache
def _resolved(job: str) -> Any:
    from orchestration.definitions import loaded

    return loaded().resolve_job_def(job)

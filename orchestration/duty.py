"""Tells who is on duty of runs that failed, once.

Dagster's daemon tells of them (orchestration/sensors.py); a command tells of its own, for there may
be no daemon.
"""

import dagster as dg

from orchestration import alerts, outcome
from orchestration.failures import NOT_PUBLISHED, lines_of, text_of_error

ALERTED = "flowhouse/alerted"
"""The tag of a run that failed, once an alert on it was sent, or is kept to be sent again."""

OF_FAILURES = {dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.ASSET_CHECK_EVALUATION}

PUBLISHED_FILE = dg.AssetKey(["published", "warehouse"])


def has_published(instance: dg.DagsterInstance, run_id: str) -> bool:
    """Whether a run got as far as a new published file, whatever failed after it."""
    made = instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION)
    return any(entry.dagster_event.asset_key == PUBLISHED_FILE for entry in made)


def reasons(instance: dg.DagsterInstance, run_id: str, *, with_rows: bool) -> list[str]:
    """Return a line per step and check of a run that failed; none where no step did."""
    if not instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_FAILURE):
        return []
    entries = instance.all_logs(run_id, of_type=OF_FAILURES)
    is_published = has_published(instance, run_id)
    return lines_of(entries, with_rows=with_rows, is_published=is_published)


def tell_of_run(instance: dg.DagsterInstance, run_id: str) -> None:
    """Send an alert on a run that failed, was killed, or was refused; none where one was sent.

    Raises:
        NotSent: It has not reached everybody.
    """
    run = instance.get_run_by_id(run_id)
    if ALERTED in run.tags:
        return
    lines = reasons(instance, run_id, with_rows=False)
    if not lines:
        [*_, ended] = instance.all_logs(run_id, of_type=dg.DagsterEventType.RUN_FAILURE)
        error = getattr(ended.dagster_event.event_specific_data, "error", None)
        said = text_of_error(error) if error else ended.dagster_event.message
        lines = [str(said), NOT_PUBLISHED]
    subject = f"flowhouse: {run.job_name} failed ({run_id}, started by {outcome.starter(run.tags)})"
    try:
        alerts.send(subject, lines)
    finally:
        instance.add_run_tags(run_id, {ALERTED: "yes"})

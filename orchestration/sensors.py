"""Sends alerts on runs that failed, and on tables and files that became stale."""

import json
from collections.abc import Iterator

import dagster as dg
from dagster._core.definitions.freshness import FreshnessState

from extract.settings import is_on
from extract.sources import SOURCES
from orchestration import alerts, outcome
from orchestration.failures import NOT_PUBLISHED, lines_of, text_of_error
from orchestration.ingestion import FRESHNESS

PUBLISHED = "published"

OF_FAILURES = {dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.ASSET_CHECK_EVALUATION}


@dg.run_failure_sensor(
    name="tell_of_failed_runs",
    description="Tells by webhook and mail which run failed, and for what.",
    monitor_all_code_locations=True,  # a run of the command line belongs to none
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=30,
)
def failed_runs(context: dg.RunFailureSensorContext) -> dg.SkipReason | None:
    """Send an alert on a run that failed, was killed, or was refused for its configuration."""
    if not alerts.is_on():
        return dg.SkipReason("no alert address is set")
    run = context.dagster_run
    steps = context.instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
    if steps:
        entries = context.instance.all_logs(run.run_id, of_type=OF_FAILURES)
        lines = lines_of(entries, with_rows=False)
    else:
        error = getattr(context.failure_event.event_specific_data, "error", None)
        said = text_of_error(error) if error else context.failure_event.message
        lines = [str(said), NOT_PUBLISHED]
    by = outcome.starter(run.tags)
    alerts.send(f"flowhouse: {run.job_name} failed ({run.run_id}, started by {by})", lines)
    return None


def stale(instance: dg.DagsterInstance) -> Iterator[tuple[str, str]]:
    """Yield what is stale by its freshness policy: a source that is on or the file, and a line."""
    groups = {
        name: [dg.AssetKey([name, table.name]) for table in source.tables]
        for name, source in SOURCES.items()
        if is_on(name)
    }
    groups[PUBLISHED] = [dg.AssetKey([PUBLISHED, "warehouse"]), dg.AssetKey([PUBLISHED, "report"])]
    states = instance.get_freshness_state_records([key for of in groups.values() for key in of])
    hours = FRESHNESS.fail_window.to_timedelta().total_seconds() / 3600
    for name, keys in groups.items():
        old = [
            key.to_user_string()
            for key in keys
            if key in states and states[key].freshness_state == FreshnessState.FAIL
        ]
        if old:
            what = "nothing new was published" if name == PUBLISHED else "nothing was loaded"
            yield name, f"{what} for more than {hours:.0f} hours: {', '.join(old)}"


@dg.sensor(
    name="tell_of_stale_tables",
    description="Tells once by webhook and mail of a source or file that has become stale.",
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=300,
)
def stale_tables(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """Send an alert on what has become stale since the last alert."""
    if not alerts.is_on():
        return dg.SkipReason("no alert address is set")
    reported = set(json.loads(context.cursor or "[]"))
    now = dict(stale(context.instance))
    new = [line for name, line in now.items() if name not in reported]
    if new:
        alerts.send("flowhouse: data is stale", new)
    context.update_cursor(json.dumps(sorted(now)))
    return dg.SkipReason(f"{len(now)} stale, {len(new)} of them new")


defs = dg.Definitions(sensors=[failed_runs, stale_tables])

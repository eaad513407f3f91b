"""Send alerts on runs that failed, and on tables and files that became stale."""

import json
from collections.abc import Callable, Iterator

import dagster as dg
from dagster._core.definitions.freshness import FreshnessState

from extract.settings import is_on
from extract.sources import SOURCES
from orchestration import alerts, duty, serving
from orchestration.ingestion import FRESHNESS

PUBLISHED = "published"


@dg.run_failure_sensor(
    name="tell_of_failed_runs",
    description="Tells by webhook and mail which run failed, and for what.",
    monitor_all_code_locations=True,  # a run of the command line belongs to none
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=30,
)
def failed_runs(context: dg.RunFailureSensorContext) -> dg.SkipReason:
    """Send an alert on a run that failed, unless the command that started it has."""
    return _ticked(lambda: duty.tell_of_run(context.instance, context.dagster_run.run_id))


@dg.sensor(
    name="tell_again",
    description="Tells what has not reached everybody yet, by webhook or mail.",
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=300,
)
def alerts_kept() -> dg.SkipReason:
    """Send the alerts again that are kept, those of commands too."""
    return _ticked(alerts.send_again)


def _ticked(tell: Callable[[], object]) -> dg.SkipReason:
    """Have something told; return what the tick says of it."""
    if not alerts.is_on():
        return dg.SkipReason("no alert address is set")
    try:
        tell()
    except alerts.NotSent as why:
        return dg.SkipReason(f"kept, to be sent again: {why}")
    return dg.SkipReason("all that there was to tell is told")


def stale(instance: dg.DagsterInstance) -> Iterator[tuple[str, str]]:
    """Yield what is stale by its freshness policy: a source that is on or the file, and a line."""
    groups = {
        name: [dg.AssetKey([name, table.name]) for table in source.tables]
        for name, source in SOURCES.items()
        if is_on(name)
    }
    published = ["warehouse", "report", *(["postgres"] if serving.is_postgres_on() else [])]
    groups[PUBLISHED] = [dg.AssetKey([PUBLISHED, name]) for name in published]
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
    """Send an alert on what has become stale since the last one."""
    reported = set(json.loads(context.cursor or "[]"))
    now = dict(stale(context.instance)) if alerts.is_on() else {}
    context.update_cursor(json.dumps(sorted(now)))
    new = [line for name, line in now.items() if name not in reported]
    return _ticked(lambda: new and alerts.send("flowhouse: data is stale", new))


defs = dg.Definitions(sensors=[failed_runs, alerts_kept, stale_tables])

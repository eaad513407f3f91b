"""The Dagster jobs and the nightly schedule.

Every job runs all assets: `refresh` for every source, `refresh_<source>` for one, `backfill` for a
span of the past. Only `refresh` is scheduled.

A backfill takes its span from its run config and has no Dagster partitions: a span selects rows by
when they changed at the source, so it may touch any day of any table that is built from them.
"""

import dagster as dg

from extract.sources import SOURCES
from orchestration.when import schedule

EVERYTHING = dg.AssetSelection.all().materializable()

refresh = dg.define_asset_job(
    "refresh",
    selection=EVERYTHING,
    description="Extract what changed, transform, test, publish, report.",
)

one_source_jobs = [
    dg.define_asset_job(
        f"refresh_{source}",
        selection=EVERYTHING,
        config=dg.RunConfig(resources={"refresh": {"config": {"sources": [source]}}}),
        description=f"Like `refresh`, but reads only {source}: other raw tables stay as they are.",
    )
    for source in SOURCES
]


backfill = dg.define_asset_job(
    "backfill",
    selection=EVERYTHING,
    description="Read again what changed at `sources` within `span`, transform, test, publish.",
)

CRON, TIME_ZONE = schedule()


def is_no_refresh_queued(context: dg.ScheduleEvaluationContext) -> bool:
    """Return whether no refresh is in the queue, as a tick of the schedule asks.

    A refresh that still waits in the queue reads everything that changed until it runs, so a second
    one behind it would find nothing to do. One that already runs does not count.
    """
    queued = dg.RunsFilter(job_name="refresh", statuses=[dg.DagsterRunStatus.QUEUED])
    return context.instance.get_runs_count(queued) == 0


nightly = dg.ScheduleDefinition(
    name="refresh_daily",
    job=refresh,
    cron_schedule=CRON,
    execution_timezone=TIME_ZONE,
    should_execute=is_no_refresh_queued,
    default_status=dg.DefaultScheduleStatus.RUNNING,
)

defs = dg.Definitions(jobs=[refresh, backfill, *one_source_jobs], schedules=[nightly])

"""When things run: one job for the whole graph, every night; the same for one source, or a window.

A backfill is a job with its window and not a partition: a window is of when things changed at the
source, so its rows lie in every day of every table, and what is built from them has no partitions.
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

of_one_source = [
    dg.define_asset_job(
        f"refresh_{source}",
        selection=EVERYTHING,
        config=dg.RunConfig(resources={"refresh": {"config": {"sources": [source]}}}),
        description=f"Like `refresh`, of {source} alone: what is of the others stays as it is.",
    )
    for source in SOURCES
]


backfill = dg.define_asset_job(
    "backfill",
    selection=EVERYTHING,
    description="Read again what changed in a window (`sources`, `span`), and publish.",
)

CRON, ZONE = schedule()


def is_none_waiting(context: dg.ScheduleEvaluationContext) -> bool:
    """Whether the refresh of another night does not wait any more: it does the same as this one."""
    waiting = dg.RunsFilter(job_name="refresh", statuses=[dg.DagsterRunStatus.QUEUED])
    return context.instance.get_runs_count(waiting) == 0


every_night = dg.ScheduleDefinition(
    name="refresh_daily",
    job=refresh,
    cron_schedule=CRON,
    execution_timezone=ZONE,
    should_execute=is_none_waiting,
    default_status=dg.DefaultScheduleStatus.RUNNING,
)

defs = dg.Definitions(jobs=[refresh, backfill, *of_one_source], schedules=[every_night])

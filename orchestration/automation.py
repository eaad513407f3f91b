"""When things run: one job for the whole graph, every night."""

import dagster as dg

refresh = dg.define_asset_job(
    "refresh",
    selection=dg.AssetSelection.all().materializable(),
    executor_def=dg.in_process_executor,
    description="Extract what changed, transform, test, publish, report.",
)

every_night = dg.ScheduleDefinition(
    name="refresh_daily",
    job=refresh,
    cron_schedule="0 4 * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)

defs = dg.Definitions(jobs=[refresh], schedules=[every_night])

"""When things run: one job for the whole graph, every night."""

import dagster as dg

# Loads wait for their servers, so they run side by side; more than four steps are never ready.
# Children are forked from one process that has imported everything: a step starts in no time.
# pandas is what DuckDB imports at its first query.
side_by_side = dg.multiprocess_executor.configured(
    {
        "max_concurrent": 4,
        "start_method": {
            "forkserver": {
                "preload_modules": [
                    "orchestration.definitions",
                    "orchestration.event_log",
                    "pandas",
                ]
            }
        },
    }
)

refresh = dg.define_asset_job(
    "refresh",
    selection=dg.AssetSelection.all().materializable(),
    executor_def=side_by_side,
    description="Extract what changed, transform, test, publish, report.",
)

every_night = dg.ScheduleDefinition(
    name="refresh_daily",
    job=refresh,
    cron_schedule="0 4 * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)

defs = dg.Definitions(jobs=[refresh], schedules=[every_night])

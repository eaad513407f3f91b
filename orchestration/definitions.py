"""Everything Dagster runs. `dagster dev` starts here."""

from orchestration import environment  # noqa: I001  first: the others read what it sets

import dagster as dg

from orchestration import automation, checks, ingestion, publication, sensors, transformation

defs = dg.Definitions.merge(
    ingestion.defs,
    checks.defs,
    transformation.defs,
    publication.defs,
    automation.defs,
    sensors.defs,
    # The lock of a run is held by one process, and dbt and the loads have processes of their own.
    dg.Definitions(executor=dg.in_process_executor),
)

environment.settle_dagster()

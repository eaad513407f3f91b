"""Everything Dagster runs. `dagster dev` starts here.

Nothing is made when this module is imported: Dagster calls `defs` when it loads it, and commands
call `loaded`.
"""

from functools import cache

import dagster as dg

from orchestration import (
    automation,
    checks,
    environment,
    ingestion,
    publication,
    sensors,
    transformation,
)


@cache
def loaded() -> dg.Definitions:
    """Return all definitions, with Dagster's folder and dbt's manifest there."""
    environment.settle_dagster()
    return dg.Definitions.merge(
        ingestion.build_all_ingestion(),
        checks.defs,
        transformation.build_transformation(),
        publication.build_publication(),
        automation.defs,
        sensors.defs,
        # The lock of a run is held by one process, and dbt and the loads have processes of their
        # own.
        dg.Definitions(executor=dg.in_process_executor),
    )


@dg.definitions
def defs() -> dg.Definitions:
    """Load all definitions, as Dagster asks for them."""
    return loaded()

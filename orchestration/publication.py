"""What people get: the published warehouse and the report, only after every test passed."""

import time
from collections.abc import Iterator, Sequence

import dagster as dg

from extract import soundness
from orchestration import access, changes, serving
from orchestration.environment import build_file, published_folder, report_file
from orchestration.ingestion import FRESHNESS, LEFT_AS_IT_WAS, OWNERS, POOL, RefreshOptions
from orchestration.transformation import (
    dbt_manifest,
    published_models,
    rows_of_tables,
    target_folder,
)
from orchestration.versions import kept_versions
from publish.postgres import NotCopied, keys_of
from publish.quality import lack_of_proof
from publish.report import write_report
from publish.snapshot import drop_strangers, note_published, publish, standing


def published_warehouse(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """The schemas marts, metrics, meta and bi as a new read-only file, Parquet, and the links.

    Beside the Parquet files lies the semantic layer, for other tools.
    """
    # Late, for they bring a parser of SQL, which a refresh that publishes nothing has no use for.
    from publish import ossie
    from publish.semantic import SemanticLayer

    began = time.monotonic()
    lack = lack_of_proof(build_file())
    if lack:
        raise dg.Failure(f"{lack}; run a refresh of everything", allow_retries=False)
    models = {
        (node["schema"], node["name"])
        for node in dbt_manifest()["nodes"].values()
        if node["resource_type"] == "model"
    }
    for table in drop_strangers(build_file(), models):
        context.log.info("dropped %s: no model makes it any more", table)
    with access.for_readers():
        version = publish(
            build_file(),
            published_folder(),
            standing(build_file(), published_folder()),
            made_of=changes.made_of(dbt_manifest(), changes.of_last_build(build_file())),
            semantics=ossie.document(SemanticLayer.read(target_folder())),
            kept=kept_versions(),
        )
    note_published(build_file(), version)
    soundness.seal(build_file())
    return dg.MaterializeResult(
        metadata={
            "path": dg.MetadataValue.path(version),
            "bytes": version.stat().st_size,
            "dagster/row_count": sum(rows_of_tables(version).values()),
            "seconds": round(time.monotonic() - began, 3),
        }
    )


@dg.asset(
    key=["published", "report"],
    deps=[["published", "warehouse"]],
    group_name="published",
    kinds={"html"},
    owners=OWNERS,
    freshness_policy=FRESHNESS,
    required_resource_keys={"refresh"},
    pool=POOL,
)
def published_report() -> dg.MaterializeResult:
    """The static site: pages of verdicts and pictures, drawn from the published file."""
    began = time.monotonic()
    with access.for_readers():
        path = write_report(published_folder() / "warehouse.duckdb", report_file())
    return dg.MaterializeResult(
        metadata={
            "path": dg.MetadataValue.path(path),
            "bytes": path.stat().st_size,
            "seconds": round(time.monotonic() - began, 3),
        }
    )


@dg.asset(
    key=["published", "postgres"],
    deps=[["published", "warehouse"]],
    group_name="published",
    kinds={"postgres"},
    owners=OWNERS,
    freshness_policy=FRESHNESS,
    check_specs=[
        dg.AssetCheckSpec(
            "is_copied",
            asset=["published", "postgres"],
            description="PostgreSQL has what was published; else it has the copy of before.",
        )
    ],
    pool=POOL,
)
def published_postgres(
    context: dg.AssetExecutionContext, refresh: RefreshOptions
) -> Iterator[dg.MaterializeResult | dg.Output | dg.AssetCheckResult]:
    """The published file as a database of PostgreSQL (FLOWHOUSE_POSTGRES_URL), swapped at once.

    A server that is down takes nothing from those who read the file: the refresh is partial.
    """
    try:
        copied = serving.copy_to_postgres(keys_of(dbt_manifest()))
    except NotCopied as why:
        refresh.not_served(str(why))
        yield dg.Output(None, metadata=LEFT_AS_IT_WAS)
        yield dg.AssetCheckResult(
            passed=False, severity=dg.AssetCheckSeverity.WARN, description=str(why)
        )
        return
    context.log.info(serving.copy_line(copied))
    yield dg.MaterializeResult(
        metadata={
            "version": copied.version,
            "tables": copied.tables,
            "dagster/row_count": copied.rows,
            "seconds": copied.seconds,
            "without_key": [*copied.without_key],
        }
    )
    yield dg.AssetCheckResult(passed=True)


def build_warehouse(models: Sequence[dg.AssetKey]) -> dg.AssetsDefinition:
    """Define the published file, which rests on all published models."""
    return dg.asset(
        key=["published", "warehouse"],
        deps=models,
        group_name="published",
        kinds={"duckdb"},
        owners=OWNERS,
        freshness_policy=FRESHNESS,
        required_resource_keys={"refresh"},
        pool=POOL,
    )(published_warehouse)


def build_publication() -> dg.Definitions:
    """Define what leaves: the published file, the report, and the copy where one is wanted."""
    warehouse = build_warehouse(published_models(dbt_manifest()))
    copies = [published_postgres] if serving.is_postgres_on() else []
    return dg.Definitions(assets=[warehouse, published_report, *copies])

"""What people get: the published warehouse and the report, only after every test passed."""

import dagster as dg

from extract import soundness
from orchestration.environment import build_file, published_folder, report_file
from orchestration.transformation import MANIFEST, published_models
from publish.quality import lack_of_proof
from publish.report import write_report
from publish.snapshot import drop_strangers, note_published, publish, standing


@dg.asset(
    key=["published", "warehouse"],
    deps=published_models(MANIFEST),
    group_name="published",
    kinds={"duckdb"},
)
def published_warehouse(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """The schemas marts, metrics and meta as a new read-only file, and the link that names it."""
    lack = lack_of_proof(build_file())
    if lack:
        raise dg.Failure(f"{lack}; run a whole refresh", allow_retries=False)
    models = {
        (node["schema"], node["name"])
        for node in MANIFEST["nodes"].values()
        if node["resource_type"] == "model"
    }
    for table in drop_strangers(build_file(), models):
        context.log.info("dropped %s: no model makes it any more", table)
    version = publish(build_file(), published_folder(), standing(build_file(), published_folder()))
    note_published(build_file(), version)
    soundness.seal(build_file())
    return dg.MaterializeResult(
        metadata={"path": dg.MetadataValue.path(version), "bytes": version.stat().st_size}
    )


@dg.asset(
    key=["published", "report"],
    deps=[["published", "warehouse"]],
    group_name="published",
    kinds={"html"},
)
def published_report() -> dg.MaterializeResult:
    """One self-contained page of pictures of where work waits, drawn from the published file."""
    path = write_report(published_folder() / "warehouse.duckdb", report_file())
    return dg.MaterializeResult(metadata={"path": dg.MetadataValue.path(path)})


defs = dg.Definitions(assets=[published_warehouse, published_report])

"""Models, seeds, tests and exposures of dbt_project/, as assets and asset checks.

Keys and groups come from dbt_project.yml (`+schema`, `+meta`): nothing is renamed here.
"""

import contextlib
import json
import logging
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import (
    DagsterDbtTranslator,
    DagsterDbtTranslatorSettings,
    DbtCliResource,
    DbtProject,
    dbt_assets,
)

from extract.tables import instant
from orchestration import rebuild, seeds
from orchestration.environment import DBT_PROJECT, build_file, expectation_results_file
from orchestration.failures import keep_log, what_failed
from orchestration.ingestion import RefreshOptions
from publish.quality import begin, record_results, unproven

log = logging.getLogger("flowhouse")

DBT = str(Path(sys.executable).with_name("dbt"))
TARGET = Path(os.environ["DBT_TARGET_PATH"])
DBT_LOG = Path(os.environ["DBT_LOG_PATH"]) / "build.log"

dbt_project = DbtProject(DBT_PROJECT, target_path=TARGET, profiles_dir=DBT_PROJECT)
translator = DagsterDbtTranslator(
    settings=DagsterDbtTranslatorSettings(
        enable_asset_checks=True, enable_source_tests_as_checks=True
    )
)


def parse_if_stale() -> None:
    """Parse the dbt project when its manifest is missing or older than any file it is made of."""
    manifest = dbt_project.manifest_path
    company = os.environ.get("FLOWHOUSE_COMPANY", "company")
    newest = max(path.stat().st_mtime for path in DBT_PROJECT.rglob("*") if path.is_file())
    stamp = TARGET / "company.txt"
    known = stamp.read_text() if stamp.exists() else None
    if manifest.exists() and manifest.stat().st_mtime > newest and known == company:
        return
    done = subprocess.run(
        [DBT, "parse", "--quiet"], cwd=DBT_PROJECT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"the dbt project cannot be parsed:\n{done.stdout}{done.stderr}")
    stamp.write_text(company)


parse_if_stale()


@dbt_assets(
    manifest=dbt_project.manifest_path,
    project=dbt_project,
    dagster_dbt_translator=translator,
    name="build_models",
)
def dbt_models(
    context: dg.AssetExecutionContext, dbt: DbtCliResource, refresh: RefreshOptions
) -> Iterator:
    """Build the selected models and run their tests, then keep every result."""
    faults = seeds.checked().shown()
    if faults:  # the command has asked before it read anything; a schedule has not
        raise dg.Failure(f"the seeds have faults: {'; '.join(faults)}")
    begin(build_file(), context.run_id)
    as_of = instant(refresh.as_of or os.environ.get("FLOWHOUSE_AS_OF")) or datetime.now(UTC)
    as_of = as_of.replace(tzinfo=None, microsecond=0)
    how = rebuild.begin(
        build_file(),
        rebuild.definitions(MANIFEST, DBT_PROJECT),
        as_of,
        everything=refresh.full or context.is_subset,
    )
    with told_to_dbt(
        FLOWHOUSE_AS_OF=as_of.isoformat(sep=" "),
        FLOWHOUSE_REBUILD=how,
        FLOWHOUSE_REFRESH_ID=context.run_id,
        DBT_LOG_LEVEL_FILE="none",  # all that is worth reading is in DBT_LOG
    ):
        # Unit tests prove the code and not the data: they run in `make test`.
        build = ["build", "--exclude-resource-type", "unit_test"]
        call = dbt.cli(build, context=context, raise_on_error=False)
    yield from shown_progress(call.stream())
    results, manifest = call.target_path / "run_results.json", dbt_project.manifest_path
    record_results(
        build_file(),
        context.run_id,
        dbt_results=results,
        manifest=manifest,
        expectation_results=expectation_results_file(context.run_id),
        is_whole=not context.is_subset,
    )
    if call.is_successful() and not context.is_subset:
        rebuild.end(build_file())
    gap = unproven(results, manifest, is_whole=not context.is_subset)
    why = what_failed(results, manifest, build_file())
    kept_log = keep_log(DBT_LOG, context.run_id)
    shutil.rmtree(call.target_path, ignore_errors=True)
    if not call.is_successful():
        raise dg.Failure(f"dbt build failed: {why or 'nothing was built'}; more in {kept_log}")
    if gap:
        raise dg.Failure(gap)


@contextlib.contextmanager
def told_to_dbt(**settings: str) -> Iterator[None]:
    """Set what the dbt that is started meanwhile shall know, and nobody after it.

    As `--vars` it would change with every refresh, and dbt would parse the whole project anew.
    """
    before = dict(os.environ)
    os.environ.update(settings)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def shown_progress(events: Iterator) -> Iterator:
    """Pass dbt's events on; its hundreds of lines go to a file, the terminal hears how far it is.

    A test of two models is one event for each, of which the second is an observation.
    """
    began = told = time.monotonic()
    total = sum(
        node["resource_type"] in ("model", "seed", "test") for node in MANIFEST["nodes"].values()
    )
    done = 0
    DBT_LOG.parent.mkdir(parents=True, exist_ok=True)
    with DBT_LOG.open("w") as file:
        while True:
            with contextlib.redirect_stdout(file):
                event = next(events, None)
            if event is None:
                break
            yield event
            done += not isinstance(event, dg.AssetObservation)
            if done >= 20 and time.monotonic() - told >= 2:
                told = time.monotonic()
                left = max(total - done, 0) * (told - began) / done
                log.info("dbt: %d of %d models and tests, %.0f s left", done, total, left)
    log.info("dbt: %d models and tests in %.0f s", done, time.monotonic() - began)


def build_exposures(manifest: Mapping[str, Any]) -> list[dg.AssetSpec]:
    """Describe every exposure as an external asset, so that lineage ends where people look."""
    return [
        dg.AssetSpec(
            ["exposure", exposure["name"]],
            deps=[
                translator.get_asset_spec(manifest, node, dbt_project)
                for node in exposure["depends_on"]["nodes"]
            ],
            description=exposure["description"],
            group_name="exposures",
            kinds={exposure["type"]},
        )
        for exposure in manifest["exposures"].values()
    ]


def published_models(manifest: Mapping[str, Any]) -> list[dg.AssetKey]:
    """Return the keys of the models that leave the working warehouse."""
    return [
        translator.get_asset_spec(manifest, node_id, dbt_project).key
        for node_id, node in manifest["nodes"].items()
        if node["resource_type"] == "model" and node["schema"] in ("marts", "metrics", "meta")
    ]


MANIFEST = json.loads(dbt_project.manifest_path.read_text())

defs = dg.Definitions(
    assets=[dbt_models, *build_exposures(MANIFEST)],
    resources={
        "dbt": DbtCliResource(dbt_project, profiles_dir=str(DBT_PROJECT), dbt_executable=DBT)
    },
)

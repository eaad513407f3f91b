"""MetricFlow's command `mf` on the published warehouse: `flowhouse mf query --metrics velocity`.

Metrics are defined in `dbt_project/models/semantic/`. Readers' data is asked and not the working
warehouse, which a refresh may be writing; nothing is looked up elsewhere.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from orchestration.environment import DBT_PROJECT, published_folder
from orchestration.transformation import parse_if_stale, target_folder


class Unavailable(Exception):
    """MetricFlow cannot answer, for a reason that one line says."""


class NoUpdates:
    """Stands where `mf` would ask the package index for a newer one of itself."""

    def check(self, *_: Any) -> None:
        """Know of none."""


def run(words: Sequence[str]) -> None:
    """Run `mf` with the words of its command line.

    Raises:
        Unavailable: Where nothing is published, or MetricFlow is not installed.
    """
    published = published_folder() / "warehouse.duckdb"
    if not published.exists():
        raise Unavailable("nothing is published yet; run `flowhouse refresh` first")
    try:
        from dbt_metricflow.cli import main
        from dbt_metricflow.cli.dbt_connectors.dbt_config_accessor import dbtArtifacts
        from metricflow_semantics.model.dbt_manifest_parser import (
            parse_manifest_from_dbt_generated_manifest,
        )
    except ModuleNotFoundError as missing:
        what = "MetricFlow is missing; install flowhouse with its extra `semantic`"
        raise Unavailable(what) from missing
    manifest_file = target_folder() / "semantic_manifest.json"
    if not manifest_file.exists():  # parsed for another version: parse it now
        parse_if_stale()
    text = manifest_file.read_text()

    def manifest(project_root: Path) -> Any:
        return parse_manifest_from_dbt_generated_manifest(manifest_json_string=text)

    # It would look for dbt's artefacts in dbt_project/target.
    dbtArtifacts.build_semantic_manifest_from_dbt_project_root = staticmethod(manifest)
    main.UpdateChecker = NoUpdates
    os.environ["FLOWHOUSE_DBT_TARGET"] = "published"
    os.environ["FLOWHOUSE_PUBLISHED"] = str(published.resolve())
    os.chdir(DBT_PROJECT)
    main.cli.main(args=[*words], prog_name="flowhouse mf")

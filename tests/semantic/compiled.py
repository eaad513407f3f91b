"""What MetricFlow makes of the semantic layer: its SQL, compiled without a warehouse."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from metricflow.engine.metricflow_engine import MetricFlowEngine, MetricFlowQueryRequest
from metricflow.protocols.sql_client import SqlEngine
from metricflow.sql.render.duckdb_renderer import DuckDbSqlPlanRenderer
from metricflow_semantics.model.dbt_manifest_parser import (
    parse_manifest_from_dbt_generated_manifest,
)
from metricflow_semantics.model.semantic_manifest_lookup import SemanticManifestLookup


class Renderer:
    """Stands where MetricFlow wants a connection: it only renders, and asks nobody."""

    sql_engine_type = SqlEngine.DUCKDB
    sql_plan_renderer = DuckDbSqlPlanRenderer()

    def render_bind_parameter_key(self, key: str) -> str:
        return f":{key}"

    def query(self, *_: Any, **__: Any) -> NoReturn:
        raise RuntimeError("nothing is run here")

    execute = dry_run = query

    def close(self) -> None:
        pass


class Compiler:
    """Compiles queries of the metrics that a folder of dbt's artefacts tells of."""

    def __init__(self, target: Path) -> None:
        manifest = parse_manifest_from_dbt_generated_manifest(
            manifest_json_string=(target / "semantic_manifest.json").read_text()
        )
        self.names = [metric.name for metric in manifest.metrics]
        self.engine = MetricFlowEngine(SemanticManifestLookup(manifest), Renderer())

    def sql(self, metrics: Sequence[str], by: Sequence[str], where: Sequence[str] = ()) -> str:
        request = MetricFlowQueryRequest.create(
            metric_names=metrics, group_by_names=by, where_constraints=where or None
        )
        return self.engine.explain(request).sql_statement.without_descriptions.sql

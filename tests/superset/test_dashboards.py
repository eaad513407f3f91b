"""`dashboards.yml` without Superset: what it names is there, and dbt knows what it reads."""

import json
from pathlib import Path

from publish.semantic import SemanticLayer
from publish.superset import assets, exposures, spec


def test_dbt_is_told_what_every_dashboard_reads(parsed: Path) -> None:
    layer = SemanticLayer.read(parsed / "target")
    what_to_do = f".venv/bin/python -m publish.superset.exposures {parsed / 'target'}"
    assert exposures.FILE.read_text() == exposures.text(layer), what_to_do
    manifest = json.loads((parsed / "target" / "manifest.json").read_text())
    told = {
        name.split(".")[-1]: {key.split(".")[-1] for key in one["depends_on"]["nodes"]}
        for name, one in manifest["exposures"].items()
    }
    for dashboard in spec.read()["dashboards"]:
        read = {
            table.split(".")[1]
            for chart in spec.charts(dashboard)
            for table in spec.tables(layer, spec.read(), chart["of"])
        }
        assert told[f"dashboard_{dashboard['slug'].replace('-', '_')}"] == read


def test_every_chart_draws_metrics_and_columns_that_there_are(demo_home: Path) -> None:
    layer = SemanticLayer.read(demo_home / "dbt" / "target")
    found = assets.files(layer, demo_home / "published" / "warehouse.duckdb")
    datasets = {
        content["uuid"]: content for name, content in found.items() if name.startswith("datasets/")
    }
    charts = [content for name, content in found.items() if name.startswith("charts/")]
    assert len(charts) == sum(len([*spec.charts(one)]) for one in spec.read()["dashboards"])
    for chart in charts:
        dataset, params = datasets[chart["dataset_uuid"]], chart["params"]
        columns = {column["column_name"] for column in dataset["columns"]}
        metrics = {metric["metric_name"] for metric in dataset["metrics"]}
        assert {*params.get("groupby", []), *params.get("all_columns", [])} <= columns
        assert {*params.get("metrics", []), params.get("metric")} - {None} <= metrics
        assert params.get("x_axis") is None or params["x_axis"] in columns
    for name, content in found.items():
        if name.startswith("dashboards/"):
            for one in content["metadata"]["native_filter_configuration"]:
                [target] = one["targets"]
                columns = datasets[target["datasetUuid"]]["columns"]
                assert target["column"]["name"] in {column["column_name"] for column in columns}


def test_an_archive_is_the_same_for_the_same(demo_home: Path) -> None:
    layer = SemanticLayer.read(demo_home / "dbt" / "target")
    published = demo_home / "published" / "warehouse.duckdb"
    assert assets.archive(layer, published) == assets.archive(layer, published)


def test_the_database_is_opened_for_reading_only(demo_home: Path) -> None:
    address = assets.uri(demo_home / "published" / "warehouse.duckdb")
    words = set(address.split("?")[1].split("&"))
    assert words == {
        "access_mode=READ_ONLY", "enable_external_access=false", "lock_configuration=true",
    }  # fmt: skip

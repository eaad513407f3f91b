"""Databases, datasets, charts and dashboards of Superset, as the files that it imports.

Made of `dashboards.yml`, the semantic layer and the columns of the published file. Keys come from
names (UUID 5), so that an import is an update of what is there.
"""

import io
import uuid
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import duckdb
import yaml

from publish.report import table
from publish.semantic import Metric, SemanticLayer
from publish.superset import spec

SPACE = uuid.UUID("0b6a1d4e-52f6-5d0c-9d55-6d2f1c0e7a11")
DATABASE = "flowhouse"
OPTIONS = "access_mode=READ_ONLY&enable_external_access=false&lock_configuration=true"
"""Nothing is written, no other file is read, and no query can change that."""

GRAINS = {"week": "P1W", "week_end": "P1W", "month": "P1M", "quarter": "P3M"}
VIEWS = {
    "bar": "echarts_timeseries_bar",
    "line": "echarts_timeseries_line",
    "area": "echarts_area",
    "stages": "echarts_timeseries_bar",
    "tile": "big_number_total",
    "table": "table",
}
SHOWN_LEVEL = "story"
"""Levels contain each other: a dashboard begins with one."""


def _words(column: str) -> str:
    """Return a column's name as a person writes it."""
    return column.removesuffix("_key").removesuffix("_name").replace("_", " ").capitalize()


def key(*words: str) -> str:
    """Return the key of an asset, which is always the same."""
    return str(uuid.uuid5(SPACE, "/".join(words)))


def uri(published: Path) -> str:
    """Return the address of a published file as Superset opens it."""
    return f"duckdb:///{published}?{OPTIONS}"


def archive(layer: SemanticLayer, published: Path) -> bytes:
    """Return the zip file that Superset imports."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in files(layer, published).items():
            moment = zipfile.ZipInfo(f"flowhouse/{name}", (2026, 1, 1, 0, 0, 0))
            file.writestr(moment, yaml.safe_dump(content, sort_keys=False))
    return out.getvalue()


def files(layer: SemanticLayer, published: Path) -> dict[str, dict[str, Any]]:
    """Return all files of the archive by name."""
    specification = spec.read()
    found: dict[str, dict[str, Any]] = {
        "metadata.yaml": {
            "version": "1.0.0",
            "type": "assets",
            "timestamp": "2026-01-01T00:00:00+00:00",
        },
        "databases/flowhouse.yaml": _database(published),
    }
    used = {
        chart["of"]: None
        for dashboard in specification["dashboards"]
        for chart in spec.charts(dashboard)
    }
    with duckdb.connect(str(published.resolve()), read_only=True) as link:
        datasets = {name: Dataset(layer, specification, name, link) for name in used}
        finished = link.sql("select distinct value_stream_key from metrics.metric_cycle_times")
        known = {stream for (stream,) in finished.fetchall()}
        # The one that the site begins with, of those that have finished anything.
        in_order = (stream for stream, *_ in table(link, "streams")["rows"] if stream in known)
        first = next(in_order, None)
    for name, dataset in datasets.items():
        found[f"datasets/flowhouse/{name}.yaml"] = dataset.content()
    for dashboard in specification["dashboards"]:
        for chart in spec.charts(dashboard):
            path = f"charts/{key('chart', dashboard['slug'], chart['name'])}.yaml"
            found[path] = _chart(dashboard, chart, datasets[chart["of"]])
        found[f"dashboards/{dashboard['slug']}.yaml"] = _dashboard(dashboard, first)
    return found


def _database(published: Path) -> dict[str, Any]:
    return {
        "database_name": DATABASE,
        "sqlalchemy_uri": uri(published),
        "expose_in_sqllab": True,
        "allow_ctas": False,
        "allow_cvas": False,
        "allow_dml": False,
        "allow_run_async": False,
        "allow_csv_upload": False,
        "extra": {"allows_virtual_table_explore": True},
        "uuid": key("database"),
        "version": "1.0.0",
        "is_managed_externally": True,
    }


class Dataset:
    """A table of the published file, or facts of a semantic model with their dimensions."""

    def __init__(
        self,
        layer: SemanticLayer,
        specification: Mapping[str, Any],
        name: str,
        link: duckdb.DuckDBPyConnection,
    ) -> None:
        self.name = name
        table = specification["tables"].get(name)
        self.schema, self.table, self.sql = "main", name, None
        if table:
            relation = table["table"]
            if "rows" in table:
                self.sql = (
                    f"select {_columns_shown(table)} from {relation} as facts where {table['rows']}"
                )
                relation = f"({self.sql})"
            else:
                self.schema, self.table = relation.split(".")
            self.time = table.get("time")
            self.metrics = [
                _metric(title, title, sql, "share" in title, "")
                for title, sql in table.get("sums", {}).items()
            ]
        else:
            self.sql = _with_dimensions(layer, name, link)
            self.time = _time(layer.models[name])
            self.metrics = [
                line
                for metric in layer.metrics.values()
                if metric.model == name and not metric.is_helper
                for line in _certified(metric)
            ]
            relation = f"({self.sql})"
        self.columns = [
            (row[0], row[1])
            for row in link.execute(f"describe select * from {relation}").fetchall()
        ]

    def content(self) -> dict[str, Any]:
        """Return the file of the dataset."""
        return {
            "table_name": self.table,
            "schema": self.schema,
            "sql": self.sql,
            "main_dttm_col": self.time,
            "filter_select_enabled": True,
            "normalize_columns": False,
            "always_filter_main_dttm": False,
            "columns": [
                {
                    "column_name": column,
                    "verbose_name": _words(column),
                    "type": kind,
                    "is_dttm": kind == "DATE" or kind.startswith("TIMESTAMP"),
                    "groupby": True,
                    "filterable": True,
                    "is_active": True,
                }
                for column, kind in self.columns
            ],
            "metrics": self.metrics,
            "uuid": key("dataset", self.name),
            "database_uuid": key("database"),
            "version": "1.0.0",
            "is_managed_externally": True,
        }


def _columns_shown(table: Mapping[str, Any]) -> str:
    """Return the columns of a table, with seconds as days where a row's metric is of seconds."""
    if "in_days" not in table:
        return "*"
    metric = "case when metric like '%!_s' escape '!' then"
    columns = [
        f"{metric} substr(metric, 1, length(metric) - 2) || '_days' else metric end as metric"
    ]
    columns += [f"{metric} {name} / 86400.0 else {name} end as {name}" for name in table["in_days"]]
    return f"* replace ({', '.join(columns)})"


def _time(model: Mapping[str, Any]) -> str:
    name = model["defaults"]["agg_time_dimension"]
    [found] = [one for one in model["dimensions"] if one["name"] == name]
    return found["expr"] or name


def _with_dimensions(layer: SemanticLayer, model: str, link: duckdb.DuckDBPyConnection) -> str:
    """Return the select of the facts of a semantic model with what they can be cut by."""
    described = link.execute(f"describe select * from {layer.table(model)}").fetchall()
    taken = {row[0] for row in described}
    columns, joins = ["facts.*"], []
    for home, column, entity in spec.joined(layer, model):
        joins.append(
            f"left join {layer.table(home)} as {home}"
            f" on {column} = {home}.{entity['expr'] or entity['name']}"
        )
        dimensions = [
            (one["name"], one["expr"] or one["name"]) for one in layer.models[home]["dimensions"]
        ]
        dimensions += [
            (one["expr"], one["expr"])
            for one in layer.models[home]["entities"]
            if one["type"] == "foreign"
        ]
        for name, expression in dimensions:
            if name not in taken:
                taken.add(name)
                columns.append(f"{home}.{expression} as {name}")
    return (
        f"select {', '.join(columns)} from {layer.table(model)} as facts {' '.join(joins)}".strip()
    )


def _certified(metric: Metric) -> Iterator[dict[str, Any]]:
    """Yield a metric of the semantic layer, and seconds as days too."""
    description = f"{metric.description} [{metric.name} of the semantic layer]"
    yield _metric(metric.name, metric.label, metric.sql(), metric.is_share, description)
    if metric.name.endswith("_s"):
        name, label = metric.name[:-2] + "_days", metric.label.replace("(s)", "(days)")
        yield _metric(
            name,
            label.replace("Seconds", "Days"),
            f"({metric.sql()}) / 86400.0",
            False,
            description,
        )


def _metric(name: str, label: str, sql: str, is_share: bool, description: str) -> dict[str, Any]:
    certified = (
        {"certification": {"certified_by": "flowhouse, semantic layer"}} if description else None
    )
    return {
        "metric_name": name,
        "verbose_name": label,
        "metric_type": None,
        "expression": sql,
        "description": description or None,
        "d3format": ".1%" if is_share else ",.1f" if "days" in name else ",d",
        "extra": certified,
        "warning_text": None,
    }


def _chart(
    dashboard: Mapping[str, Any], chart: Mapping[str, Any], dataset: Dataset
) -> dict[str, Any]:
    return {
        "slice_name": chart["name"],
        "description": chart.get("note"),
        "viz_type": VIEWS[chart["kind"]],
        "params": _params(chart, dataset),
        "query_context": None,
        "cache_timeout": None,
        "uuid": key("chart", dashboard["slug"], chart["name"]),
        "dataset_uuid": key("dataset", dataset.name),
        "version": "1.0.0",
        "is_managed_externally": True,
    }


def _params(chart: Mapping[str, Any], dataset: Dataset) -> dict[str, Any]:
    """Return what Superset draws a chart by."""
    conditions = [chart["where"]] if "where" in chart else []
    if chart.get("per") == "week_end":  # what stands there adds up over no days
        conditions.append(f"dayofweek({dataset.time}) = 0")
    params: dict[str, Any] = {
        "viz_type": VIEWS[chart["kind"]],
        "time_range": "No filter",
        "adhoc_filters": [
            {"clause": "WHERE", "expressionType": "SQL", "sqlExpression": condition}
            for condition in conditions
        ],
    }
    if chart["kind"] == "table":
        sort = chart["sort"]
        return params | {
            "query_mode": "raw",
            "all_columns": chart["columns"],
            "order_by_cols": [f'["{sort.lstrip("-")}", {"false" if sort[0] == "-" else "true"}]'],
            "row_limit": 1000,
            "server_page_length": 10,
            "page_length": 10,
            "include_search": False,
            "table_timestamp_format": "%Y-%m-%d",
            # Bars and colours would compare numbers of different units.
            "show_cell_bars": False,
            "color_pn": False,
            "column_config": {
                column: {"d3NumberFormat": ".1%" if "share" in column else ",.2f"}
                for column, kind in dataset.columns
                if column in chart["columns"] and kind in ("DOUBLE", "FLOAT")
            },
        }
    shapes = {line["metric_name"]: line["d3format"] for line in dataset.metrics}
    shape = shapes[chart["show"][0]]
    if chart["kind"] == "tile":
        return params | {
            "metric": chart["show"][0],
            "subtitle": chart["note"],
            "y_axis_format": shape,
            "header_font_size": 0.4,
            "subtitle_font_size": 0.15,
        }
    params |= {
        "metrics": chart["show"],
        "groupby": chart.get("by", []),
        "row_limit": 10_000,
        "show_legend": True,
        "rich_tooltip": True,
        "y_axis_format": shape,
        "tooltipTimeFormat": "%Y-%m-%d",
    }
    if chart.get("up_to_all"):  # an axis of shares would go on to 120 %
        params |= {"truncateYAxis": True, "y_axis_bounds": [0, 1]}
    if chart["kind"] == "stages":
        [stage] = chart["by"]
        return params | {
            "x_axis": stage,
            "groupby": [],
            "orientation": "horizontal",
            "stack": "Stack" if len(chart["show"]) > 1 else None,
            "xAxisForceCategorical": True,
            "x_axis_sort": stage,
            "x_axis_sort_asc": False,
        }
    return params | {
        "x_axis": dataset.time,
        "time_grain_sqla": GRAINS[chart["per"]],
        "x_axis_time_format": "%Y-%m",
        "x_axis_sort_asc": True,
        "markerEnabled": chart["kind"] == "line" and chart["per"] != "week",
        "stack": "Stack" if chart["kind"] in ("bar", "area") else None,
        "opacity": 0.8,
    }


def _dashboard(dashboard: Mapping[str, Any], stream: str | None) -> dict[str, Any]:
    position: dict[str, Any] = {
        "DASHBOARD_VERSION_KEY": "v2",
        "ROOT_ID": {"type": "ROOT", "id": "ROOT_ID", "children": ["GRID_ID"]},
        "GRID_ID": {"type": "GRID", "id": "GRID_ID", "children": [], "parents": ["ROOT_ID"]},
        "HEADER_ID": {"type": "HEADER", "id": "HEADER_ID", "meta": {"text": dashboard["title"]}},
    }
    for number, row in enumerate(dashboard["rows"]):
        row_id = f"ROW-{number}"
        position["GRID_ID"]["children"].append(row_id)
        position[row_id] = {
            "type": "ROW",
            "id": row_id,
            "children": [],
            "parents": ["ROOT_ID", "GRID_ID"],
            "meta": {"background": "BACKGROUND_TRANSPARENT"},
        }
        for at, chart in enumerate(row["charts"]):
            chart_id = f"CHART-{number}-{at}"
            position[row_id]["children"].append(chart_id)
            position[chart_id] = {
                "type": "CHART",
                "id": chart_id,
                "children": [],
                "parents": ["ROOT_ID", "GRID_ID", row_id],
                "meta": {
                    "chartId": 0,
                    "uuid": key("chart", dashboard["slug"], chart["name"]),
                    "sliceName": chart["name"],
                    "width": chart.get("width", 12 // len(row["charts"])),
                    "height": row["height"],
                },
            }
    return {
        "dashboard_title": dashboard["title"],
        "description": dashboard["about"],
        "slug": dashboard["slug"],
        "uuid": key("dashboard", dashboard["slug"]),
        "position": position,
        "published": True,
        "is_managed_externally": True,
        "metadata": {
            "native_filter_configuration": [
                _filter(dashboard, column, dataset, stream)
                for column, dataset in dashboard["filters"].items()
            ],
            "color_scheme": "supersetColors",
            "cross_filters_enabled": True,
            "refresh_frequency": 0,
        },
        "version": "1.0.0",
    }


def _filter(
    dashboard: Mapping[str, Any], column: str, dataset: str, stream: str | None
) -> dict[str, Any]:
    """Return a filter of one choice: streams and levels are never blended by chance."""
    is_stream = column == "value_stream_key"
    chosen: dict[str, Any] = {"filterState": {}, "extraFormData": {}}
    if first := {"level": SHOWN_LEVEL, "value_stream_key": stream}.get(column):
        chosen = {
            "filterState": {"value": [first]},
            "extraFormData": {"filters": [{"col": column, "op": "IN", "val": [first]}]},
        }
    return {
        "id": f"NATIVE_FILTER-{dashboard['slug']}-{column}",
        "name": _words(column),
        "filterType": "filter_select",
        "type": "NATIVE_FILTER",
        "targets": [{"datasetUuid": key("dataset", dataset), "column": {"name": column}}],
        "defaultDataMask": chosen,
        "controlValues": {
            "multiSelect": False,
            "enableEmptyFilter": is_stream,
            "defaultToFirstItem": False,
            "searchAllOptions": False,
            "inverseSelection": False,
        },
        "cascadeParentIds": [],
        "scope": {"rootPath": ["ROOT_ID"], "excluded": []},
    }

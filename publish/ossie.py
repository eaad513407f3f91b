"""The semantic layer as a file of Apache Ossie (Open Semantic Interchange), for other tools.

After core-spec/ossie-schema.json of apache/ossie, version 0.2.0.dev0: datasets are published
tables, formulas are ANSI SQL. Every publication has one beside its Parquet files.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from publish.semantic import SemanticLayer

VERSION = "0.2.0.dev0"


def document(layer: SemanticLayer) -> str:
    """Return the file."""
    content = {"version": VERSION, "semantic_model": [semantic_model(layer)]}
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100)


def semantic_model(layer: SemanticLayer) -> dict[str, Any]:
    """Return the one semantic model of the file."""
    return {
        "name": "flowhouse",
        "description": "Where work waits and how it is delivered: flow, DORA and agreements.",
        "ai_context": (
            "Durations are seconds, times UTC, shares between 0 and 1. Levels contain each other:"
            " keep to one. Percentiles add up to nothing: ask again for every group."
        ),
        "datasets": [_dataset(layer, model) for model in layer.models.values()],
        "relationships": [*_relationships(layer)],
        "metrics": [
            {
                "name": metric.name,
                "expression": _expression(metric.sql(metric.model)),
                "description": metric.description,
            }
            for metric in layer.metrics.values()
            if not metric.is_helper
        ],
        "custom_extensions": [
            {
                "vendor_name": "DBT",
                "data": json.dumps({"metrics_of_metricflow_only": layer.left_out}),
            }
        ],
    }


def _expression(sql: str) -> dict[str, Any]:
    return {"dialects": [{"dialect": "ANSI_SQL", "expression": sql}]}


def _column(entity: Mapping[str, Any]) -> str:
    return entity["expr"] or entity["name"]


def _dataset(layer: SemanticLayer, model: Mapping[str, Any]) -> dict[str, Any]:
    keys = [entity for entity in model["entities"] if entity["type"] == "primary"]
    fields = {_column(entity): (_column(entity), "", False) for entity in model["entities"]} | {
        one["name"]: (_column(one), one["description"] or "", one["type"] == "time")
        for one in model["dimensions"]
    }
    return {
        "name": model["name"],
        "source": f"warehouse.{layer.table(model['name'])}",
        "primary_key": [_column(entity) for entity in keys],
        "description": model["description"],
        "fields": [
            {
                "name": name,
                "expression": _expression(sql),
                "dimension": {"is_time": is_time},
                **({"description": description} if description else {}),
            }
            for name, (sql, description, is_time) in fields.items()
        ],
    }


def _relationships(layer: SemanticLayer) -> Iterator[dict[str, Any]]:
    """Yield a relationship for each foreign key whose table is a dataset."""
    homes = {
        entity["name"]: (model["name"], _column(entity))
        for model in layer.models.values()
        for entity in model["entities"]
        if entity["type"] == "primary"
    }
    for model in layer.models.values():
        for entity in model["entities"]:
            if entity["type"] != "foreign" or entity["name"] not in homes:
                continue
            home, key = homes[entity["name"]]
            yield {
                "name": f"{model['name']}_{entity['name']}",
                "from": model["name"],
                "to": home,
                "from_columns": [_column(entity)],
                "to_columns": [key],
            }

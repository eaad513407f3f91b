"""The metrics of the semantic layer as SQL over one published table each.

dbt writes what `dbt_project/models/semantic/` says to `semantic_manifest.json`; BI tools and the
exchange file get the formulas from there. Nothing here is a definition.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import sqlglot
from sqlglot import exp


@dataclass(frozen=True)
class Metric:
    """A metric that is an aggregate of the rows of one table."""

    name: str
    label: str
    description: str
    model: str
    """The semantic model that it aggregates."""
    expression: exp.Expression
    is_share: bool
    is_helper: bool
    """Whether only other metrics need it."""

    def sql(self, qualifier: str | None = None) -> str:
        """Return its formula; its columns follow the name of a table where one is given."""
        tree = self.expression.copy()
        if qualifier:
            for column in tree.find_all(exp.Column):
                column.set("table", exp.to_identifier(qualifier))
        return tree.sql(dialect="postgres")


class SemanticLayer:
    """What dbt says of semantic models and metrics."""

    def __init__(self, manifest: Mapping[str, Any]) -> None:
        self.models = {model["name"]: model for model in manifest["semantic_models"]}
        self._metrics = {metric["name"]: metric for metric in manifest["metrics"]}
        self._measures = {
            measure["name"]: (model["name"], measure)
            for model in manifest["semantic_models"]
            for measure in model["measures"]
        }

    @classmethod
    def read(cls, target: Path) -> "SemanticLayer":
        """Read it from the folder that dbt keeps what it has parsed in."""
        return cls(json.loads((target / "semantic_manifest.json").read_text()))

    def table(self, model: str) -> str:
        """Return the schema and name of the table that a semantic model is of."""
        relation = self.models[model]["node_relation"]
        return f"{relation['schema_name']}.{relation['alias']}"

    @cached_property
    def metrics(self) -> dict[str, Metric]:
        """The metrics that one table gives; see `left_out` for the others."""
        return {metric.name: metric for metric in self._found()}

    @property
    def left_out(self) -> list[str]:
        """The metrics that no aggregate of one table is: MetricFlow alone can answer them.

        What stands somewhere at the end of a period does not add up over days, and a filter by
        another table needs a join.
        """
        return sorted(self._metrics.keys() - self.metrics.keys())

    def _found(self) -> Iterator[Metric]:
        for name, metric in self._metrics.items():
            if found := self._compiled(name):
                model, expression = found
                yield Metric(
                    name=name,
                    label=metric["label"] or name,
                    description=metric["description"] or metric["label"] or name,
                    model=model,
                    expression=expression,
                    is_share=metric["type"] == "ratio",
                    is_helper=bool((metric["config"] or {}).get("meta", {}).get("helper")),
                )

    def _compiled(self, name: str) -> tuple[str, exp.Expression] | None:
        """Return the semantic model and the formula of a metric; None where it has no such one."""
        metric = self._metrics[name]
        of_type = metric["type_params"]
        inputs = {
            "simple": [],
            "ratio": [of_type["numerator"], of_type["denominator"]],
            "derived": of_type["metrics"],
        }.get(metric["type"])
        if inputs is None or metric["filter"] or any(one["filter"] for one in inputs):
            return None
        if metric["type"] == "simple":
            model, measure = self._measures[of_type["measure"]["name"]]
            is_plain = not (of_type["measure"]["filter"] or measure["non_additive_dimension"])
            return (model, _aggregate(measure)) if is_plain else None
        parts = [self._compiled(one["name"]) for one in inputs]
        if None in parts or len({model for model, _ in parts}) > 1:
            return None
        model, trees = parts[0][0], [tree for _, tree in parts]
        if metric["type"] == "ratio":
            return model, _share(*trees)
        values = {one["alias"] or one["name"]: tree for one, tree in zip(inputs, trees)}
        return model, parsed(of_type["expr"]).transform(
            lambda node: (
                exp.paren(values[node.name].copy())
                if isinstance(node, exp.Column) and node.name in values
                else node
            )
        )


def parsed(expression: str) -> exp.Expression:
    """Return an expression of the semantic layer as a tree."""
    return sqlglot.parse_one(expression, dialect="duckdb")


def _share(numerator: exp.Expression, denominator: exp.Expression) -> exp.Expression:
    shape = parsed("cast(numerator as double) / nullif(denominator, 0)")
    values = {"numerator": numerator, "denominator": denominator}
    return shape.transform(
        lambda node: values[node.name].copy() if isinstance(node, exp.Column) else node
    )


def _aggregate(measure: Mapping[str, Any]) -> exp.Expression:
    """Return the aggregate that a measure is."""
    of = measure["expr"] or measure["name"]
    if measure["agg"] in ("sum", "count"):
        return parsed(f"{measure['agg']}({of})")
    settings = measure["agg_params"]
    if measure["agg"] != "percentile" or not settings["use_discrete_percentile"]:
        raise ValueError(f"the measure {measure['name']} is of a kind that is not known here")
    return parsed(f"percentile_disc({settings['percentile']}) within group (order by {of})")

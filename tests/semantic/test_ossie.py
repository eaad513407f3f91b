"""The semantic layer for other tools: the Ossie file that lies beside each publication."""

from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from publish import ossie
from publish.semantic import SemanticLayer
from publish.snapshot import SEMANTICS, publish

ALLOWED = {
    "document": ({"version", "semantic_model"}, {"version", "semantic_model"}),
    "model": (
        {"name", "datasets"},
        {"name", "datasets", "description", "ai_context", "relationships", "metrics",
         "custom_extensions"},
    ),
    "dataset": (
        {"name", "source"},
        {"name", "source", "primary_key", "unique_keys", "description", "fields"},
    ),
    "field": ({"name", "expression"}, {"name", "expression", "dimension", "description"}),
    "relationship": (
        {"name", "from", "to", "from_columns", "to_columns"},
        {"name", "from", "to", "from_columns", "to_columns"},
    ),
    "metric": ({"name", "expression"}, {"name", "expression", "description"}),
    "extension": ({"vendor_name", "data"}, {"vendor_name", "data"}),
}  # fmt: skip
"""What ossie-schema.json (apache/ossie at 091913d1, 0.2.0.dev0) requires, and what it knows."""


@pytest.fixture(scope="module")
def document(demo_home: Path) -> dict[str, Any]:
    return yaml.safe_load((demo_home / "published" / "parquet" / SEMANTICS).read_text())


@pytest.fixture(scope="module")
def model(document: dict) -> dict[str, Any]:
    [model] = document["semantic_model"]
    return model


def fits(kind: str, found: dict) -> bool:
    required, known = ALLOWED[kind]
    return required <= found.keys() <= known


def sql_of(expression: dict) -> str:
    [one] = expression["dialects"]
    assert one.keys() == {"dialect", "expression"} and one["dialect"] == "ANSI_SQL"
    return one["expression"]


def test_it_has_the_form_that_the_specification_asks_for(document: dict, model: dict) -> None:
    assert document["version"] == "0.2.0.dev0"
    assert fits("document", document) and fits("model", model)
    for kind, found in (
        ("dataset", model["datasets"]),
        ("relationship", model["relationships"]),
        ("metric", model["metrics"]),
        ("extension", model["custom_extensions"]),
        ("field", [field for dataset in model["datasets"] for field in dataset["fields"]]),
    ):
        assert found and all(fits(kind, one) for one in found)
        names = [one["name"] for one in found if "name" in one and kind != "field"]
        assert len(names) == len(set(names))


def test_all_that_it_tells_is_in_the_published_file(model: dict, demo_home: Path) -> None:
    with duckdb.connect(
        str((demo_home / "published" / "warehouse.duckdb").resolve()), read_only=True
    ) as link:
        sources = {}
        for dataset in model["datasets"]:
            database, sources[dataset["name"]] = dataset["source"].split(".", 1)
            assert database == "warehouse"
            fields = ", ".join(sql_of(field["expression"]) for field in dataset["fields"])
            keys = ", ".join(dataset["primary_key"])
            [(rows, keyed)] = link.execute(
                f"select count(*), count(distinct ({keys})) from"
                f" (select {keys}, {fields} from {sources[dataset['name']]})"
            ).fetchall()
            assert rows == keyed > 0
        for relation in model["relationships"]:
            [(lost,)] = link.execute(
                f"select count(*) from {sources[relation['from']]} as many"
                f" left join {sources[relation['to']]} as one"
                f" on many.{relation['from_columns'][0]} = one.{relation['to_columns'][0]}"
                f" where one.{relation['to_columns'][0]} is null"
                f" and many.{relation['from_columns'][0]} is not null"
            ).fetchall()
            assert lost == 0, relation["name"]
        for metric in model["metrics"]:
            sql = sql_of(metric["expression"])
            [name] = [name for name in sources if f"{name}." in sql]
            [(value,)] = link.execute(f"select {sql} from {sources[name]} as {name}").fetchall()
            assert value is not None and value > 0, metric["name"]


def test_a_publication_without_a_new_one_keeps_that_of_the_version_before(
    parsed: Path, tmp_path: Path
) -> None:
    build, folder = tmp_path / "build.duckdb", tmp_path / "published"
    with duckdb.connect(str(build)) as link:
        link.execute("create schema marts; create table marts.dim_dates as select 1 as date_day")
        link.execute("create schema metrics; create schema meta")
    text = ossie.document(SemanticLayer.read(parsed / "target"))
    publish(build, folder, semantics=text)
    publish(build, folder)
    assert (folder / "parquet" / SEMANTICS).read_text() == text

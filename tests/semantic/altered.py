"""One way to ask for metrics, altered: every metric has another number there, and only there."""

import base64
import copy
import gzip
import json
import shutil
from pathlib import Path
from typing import Any

import duckdb
import pytest

from publish import agents
from publish.guarded import Found
from tests.semantic import parity, six
from tests.semantic.compiled import Compiler
from tests.semantic.six import METRICS, Site


def formulas(target: Path, folder: Path) -> Compiler:
    """Return MetricFlow on other formulas: each metric counts, or adds up, something else."""
    manifest = json.loads((target / "semantic_manifest.json").read_text())
    metrics = {one["name"]: one for one in manifest["metrics"]}
    measures = {
        one["name"]: one for model in manifest["semantic_models"] for one in model["measures"]
    }
    for metric in METRICS:
        told = metrics[metric]
        while told["type"] != "simple":
            parameters = told["type_params"]
            # Of a ratio what is above the line, of a guarded percentile the percentile.
            parts = [parameters["numerator"]] if told["type"] == "ratio" else parameters["metrics"]
            told = metrics[parts[-1]["name"]]
        measure = measures[told["type_params"]["measure"]["name"]]
        if measure["agg"] == "count":
            measure |= {"agg": "sum", "expr": "2"}
        elif not measure["expr"].startswith("3 *"):
            measure["expr"] = f"3 * ({measure['expr']})"
    (folder / "semantic_manifest.json").write_text(json.dumps(manifest))
    return Compiler(folder)


def file(published: Path, folder: Path) -> Path:
    """Return a copy of a published file that can be written."""
    found = folder / "altered.duckdb"
    shutil.copyfile(published, found)
    return found


def period_tables(link: duckdb.DuckDBPyConnection) -> None:
    """Change one row of a period table for each metric: the newest that has a value."""
    for names in METRICS.values():
        table, _, column = names.table.rpartition(".")
        month = parity.PARITY[column].keys.split(", ")[-1]
        link.execute(
            f"update {table} set {column} = {column} + 1 where rowid = (select rowid from {table}"
            f" where {column} is not null order by {month} desc limit 1)"
        )


def observations(link: duckdb.DuckDBPyConnection) -> None:
    """Change one observation of each metric: the newest that has a value."""
    table = "marts.fct_metric_observations"
    for metric, names in METRICS.items():
        link.execute(
            f"update {table} set value = value + 1 where rowid = (select rowid from {table}"
            f" where metric = '{names.observed}' and {parity.PARITY[metric].where}"
            " and value is not null order by period_start desc limit 1)"
        )


def page(html: str, table: str, columns: list[str]) -> str:
    """Return a page of the site whose data have another number in each of some columns."""
    data = six.page_data(html)
    found = data["tables"][table]
    for column in columns:
        at = found["columns"].index(column)
        row = next(row for row in found["rows"] if row[at] is not None)
        row[at] += 1
    packed = base64.b64encode(gzip.compress(json.dumps(data).encode())).decode()
    before, mark, rest = html.partition('<script type="application/gzip" id="data">')
    return before + mark + packed + "</script>" + rest.partition("</script>")[2]


def pages(folder: Path) -> Site:
    """Return a site with another number of each metric in its pages."""
    texts = {}
    for names in METRICS.values():
        name, table, column = names.site.split(".")
        texts.setdefault(name, (folder / f"{name}.html").read_text())
        texts[name] = page(texts[name], table, [column])
    return {name: six.page_data(text) for name, text in texts.items()}


def answers(patch: pytest.MonkeyPatch) -> None:
    """Let the MCP server answer another first number to every question for a metric."""
    real = agents.ask

    def ask(*words: Any) -> Found:
        found = copy.deepcopy(real(*words))
        some = [row for row in found.rows if row.get("value") is not None]
        if some:
            some[0]["value"] += 1
        return found

    patch.setattr(agents, "ask", ask)

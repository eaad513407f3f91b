"""The pages of the demo company: every metric is led back to an endpoint of a source."""

import os
import re
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from extract.sources import SOURCES

SET_BY_HAND = {"expected_effect", "intervention_cost"}
"""Metrics that stand in seeds alone, with their key: no source is asked for them."""

WRITE = (
    "import sys; from pathlib import Path; from orchestration.lineage import write_lineage;"
    " write_lineage(Path(sys.argv[1]))"
)


@pytest.fixture(scope="module")
def written(demo_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what `make lineage` writes into that of the report."""
    folder = tmp_path_factory.mktemp("report")
    done = subprocess.run(
        [sys.executable, "-c", WRITE, str(folder)],
        env={**os.environ, "FLOWHOUSE_HOME": str(demo_home), "FLOWHOUSE_COMPANY": "demo"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    return folder


def test_every_metric_reaches_an_endpoint(demo_home: Path, written: Path) -> None:
    html = (written / "lineage.html").read_text()
    with duckdb.connect(str(demo_home / "published" / "warehouse.duckdb"), read_only=True) as file:
        metrics = {
            row[0] for row in file.execute("select metric from marts.dim_metrics").fetchall()
        }
    first, second = html.split("<h2>Columns of marts</h2>")
    of_metrics = dict(re.findall(r'<section id="([^"]+)">(.*?)</section>', first, re.DOTALL))
    of_columns = dict(re.findall(r'<section id="([^"]+)">(.*?)</section>', second, re.DOTALL))
    assert {*of_metrics} == metrics
    endpoints = {table.endpoint for source in SOURCES.values() for table in source.tables}
    ends = {
        column: {*re.findall(r"<td><code>([^<]*)</code>(?=<tr>|</table>)", text)}
        for column, text in of_columns.items()
    }
    lost = []
    for metric, text in of_metrics.items():
        links = re.findall(r'href="#([^"]+)"', text)
        assert {*links} <= {*of_columns}, metric
        if not any(ends[link] & endpoints for link in links):
            lost.append(metric)
    assert {*lost} == SET_BY_HAND


def test_every_definition_leads_to_its_path_and_back(written: Path) -> None:
    definitions = (written / "definitions.html").read_text()
    lineage = (written / "lineage.html").read_text()
    metrics = re.findall(r'<tr id="([^"]+)">', definitions)
    assert len(metrics) > 200
    assert re.findall(r'href="lineage.html#([^"]+)"', definitions) == metrics
    assert {*metrics} == {*re.findall(r'href="definitions.html#([^"]+)"', lineage)}
    assert all(f'<section id="{metric}">' in lineage for metric in metrics)
    for page in written.glob("*.html"):
        if page.name not in ("lineage.html", "dbt_docs.html"):
            assert '<a class="plain" href="lineage.html">' in page.read_text(), page.name


def test_the_documentation_of_dbt_lies_beside_it_in_one_file(written: Path) -> None:
    docs = (written / "dbt_docs.html").read_text()
    assert "exposure.flowhouse.report" in docs and "model.flowhouse.fct_stage_visits" in docs
    assert re.findall(r"<(?:script|link)[^>]+(?:src|href)=[\"']https?:", docs) == []
    for page in ("lineage.html", "definitions.html"):
        assert 'href="dbt_docs.html"' in (written / page).read_text()
